// Finds the moments at which counters are updated, so that a stretch of time can begin and end
// there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "edges.h"
#include "readers.h"

namespace jouletap {

/// Reads the counters that add to the total, and step every few milliseconds, until they step: a
/// value is true at that moment, and lags by up to a period at any other.
///
/// A stretch seldom ends on an edge. What was used between there and the next edge is taken from
/// the update after that, in which nothing but the hunt ran: so the hunt's energy falls outside the
/// stretch. How much that update differs from its neighbours tells how far it may be wrong. Memory
/// is taken at construction, beside what `pause` takes. Not synchronised.
class Hunt {
 public:
  explicit Hunt(const Readers& readers);

  /// What a counter would have shown at a moment, had it been updated then.
  struct Told {
    size_t column;
    double joules;
    double variance;  // J²
  };

  /// Spins until every counter has been seen to step twice, and the one with the most power just
  /// now, or for eight periods, up to three times where the thread was held up; the first time for
  /// up to twenty before, to learn the periods. Reads all domains, and tells of the moment of its
  /// return, which is the answer.
  int64_t begin(Readers& readers, const std::function<void()>& pause);
  /// After all domains have been read, spins until every counter has stepped three times, or for
  /// eight periods, and tells of time_ns, which has just passed.
  void end(Readers& readers, int64_t time_ns, const std::function<void()>& pause);

  // For rows that come just after an update of the counter with the most power.
  /// Whether its updates are not known, so that only begin() can learn them.
  bool is_lost(int64_t now_ns) const;
  struct Aim {
    int64_t wake_ns;
    bool confirm;  // whether to wait for the update itself then
  };
  /// When to wake for the next update that is not before at_ns; then, where none is known.
  Aim aim_at(int64_t at_ns) const;
  /// Spins until the update comes, or is overdue, and learns from it.
  void confirm(Readers& readers);
  /// Milliseconds since the update that each column's last look saw; NaN where that is not known.
  void ages(const Readers& readers, double* into) const;

  /// Of the counters that stepped in time.
  const std::vector<Told>& told() const { return told_; }
  /// Reads of all domains that it has made so far, and the system calls of all its reads.
  double reads() const { return reads_; }
  double calls() const { return calls_; }
  /// Whether there have been counters to follow.
  bool follows() const { return !quarries_.empty(); }

 private:
  struct Edge {
    int64_t time_ns = 0;
    double error_ns = 0;  // one standard deviation
    double joules = 0;    // that are told from there on
    // As it was seen, without what was known before:
    int64_t seen_ns = 0;
    int64_t half_ns = 0;
  };
  struct Look {
    double joules = 0;
    Stamp stamp{};
  };
  // A wider bracket is a thread that was held up, unless looks always take so long.
  static constexpr int64_t kWidestHalfNs = 25'000;
  /// A counter that is followed.
  struct Quarry {
    size_t column;
    double update_ns;  // as its source says
    Edges edges;
    bool followed = true;  // else another source has taken over, or nothing was ever counted
    int64_t usual_half_ns = kWidestHalfNs;  // of a look: the shortest of late
    Look first{};  // of the hunt; later than that if it took much longer than others
    Look latest{};
    Look good{};                   // the latest in which the thread was not held up
    std::array<Edge, 24> found{};  // in this hunt, one after the other unless count was reset
    size_t count = 0;
    size_t fed = 0;           // those of them that `edges` has been told of
    double update_watts = 0;  // over the last update that was seen whole

    const Edge& last(size_t back = 0) const { return found[count - 1 - back]; }
  };
  struct Lag {
    double seconds;
    double error;  // one standard deviation
    bool on_grid;  // whether an update is known, else it is half a period
  };
  /// What was used from one edge to the next.
  struct Update {
    double seconds;
    double watts;
    double error;  // relative, one standard deviation
  };
  static Update update_between(const Edge& from, const Edge& to);
  static Update update_before(const Quarry& quarry, size_t edge);
  static double change_between(const Update& before, const Update& after);
  const Quarry* strongest() const;
  const Quarry* main() const;
  bool all_have(size_t edges) const;
  void read(Readers& readers);
  void aim(const Readers& readers);
  void look(Quarry& quarry, const Tally& tally) const;
  void learn(Quarry& quarry) const;
  template <typename Done>
  void spin(Readers& readers, const std::function<void()>& pause, double periods, Done done);
  /// As told() where the edge is near enough, else as guess().
  void tell(const Quarry& quarry, int64_t time_ns, size_t near, size_t far, const Look& base,
            const Tally& tally);
  /// From the edge `near` to the moment, by the power between that edge and `far`, its neighbour.
  static Told told(const Quarry& quarry, int64_t time_ns, size_t near, size_t far);
  /// Without edges: by those that other hunts have taught, or as half a period after an update.
  static Told guess(const Quarry& quarry, int64_t time_ns, const Look& base, const Tally& tally);
  static bool is_near(const Quarry& quarry, int64_t there_ns, int64_t time_ns);
  static Told unknown(const Quarry& quarry);
  static Lag lag_of(const Quarry& quarry, const Look& look);

  std::vector<Quarry> quarries_;  // in the order of their columns: those of one call together
  std::vector<Told> told_;
  double reads_ = 0;
  double calls_ = 0;
};

}  // namespace jouletap
