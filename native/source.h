// What a source of energy readings is, and the table of all of them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gpu_choice.h"
#include "shares.h"
#include "tally.h"
#include "topology.h"

namespace jouletap {

/// How a domain stands to the others when a total is made.
enum class Role {
  root,   // adds to the total: a package, DRAM, a discrete GPU
  part,   // inside its parent: cores, graphics, a rail. Adds only where a named parent is not read
  whole,  // holds the others: psys, a module, a machine. Adds only where nothing else is read
};

/// The device that a domain belongs to, as far as its driver tells.
struct Device {
  std::string name;    // "NVIDIA H100 80GB HBM3"
  std::string uuid;    // "GPU-2f7a…"
  std::string pci;     // "0000:65:00.0"
  std::string driver;  // its version, "570.86.15", or name
  int index = -1;      // the driver's number for it
};

/// One thing whose energy is followed.
struct Domain {
  std::string id;      // "package-0", "dram-1", "package-0-die-1", "gpu-0000:03:00.0"
  std::string kind;    // "package", "core", "uncore", "dram", "psys", "gpu", "module", …
  std::string source;  // "rapl-perf"
  std::string path;    // what is read: a file below root, an event; empty if it is neither
  Device device;
  std::string parent;  // id of the domain that contains it; empty at the top
  Role role = Role::root;
  int package = -1;     // physical package, or −1
  int die = -1;         // die of the package where each has a counter of its own, or −1
  int call = -1;        // domains of a source with one number come from one system call; −1: none
  double unit = 0;      // joules of one count; 0 for a gauge
  double update_s = 0;  // how often the hardware refreshes the value, seconds; 0: unknown
  double wrap_joules = 0;  // joules after which the counter starts again; 0: never
  double max_watts = 0;    // no more than this is believed; see Counter
  double gain = 0;         // relative error of the unit (one standard deviation), 0 if exact
  Method method = Method::counter;  // the best that the device offers
  bool may_rest = false;            // may be switched off: a count that stands still can be true
  bool modelled = false;            // the hardware computes the value from activity
  bool additive = false;            // set by choose_additive()

  /// Whether it is power that is integrated here, not energy.
  bool gauge() const { return method != Method::counter; }
};

/// How the energy that a device has used since its source was started was divided among processes;
/// see Shares. joules = idle + unattributed + all shares.
struct DeviceShares {
  std::string id;  // of its domain
  double joules = 0;
  double idle_joules = 0;
  double unattributed_joules = 0;
  double idle_watts = 0;  // NaN until known
  std::vector<Share> processes;
};

/// Reads energy. Opened once; read from one thread at a time.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::vector<Domain>& domains() const = 0;
  /// Brings tallies[i] of domains()[i] up to date. The first call is the baseline: it adds no
  /// joules. Neither allocates nor throws; a failing read is counted, and the next good one spans
  /// the gap.
  virtual void read(Tally* tallies) noexcept = 0;
  /// The same for the domains whose `call` it is, by that one system call.
  virtual void read_call(int /*call*/, Tally* tallies) noexcept { read(tallies); }
  /// The machine was suspended since the last read; before the next.
  virtual void resume() noexcept {}
  /// Whether it fills the stamps of its tallies; where not, they get those of the whole read().
  virtual bool stamps() const { return false; }
  /// Sentences for a person about what was found, left out or merged.
  virtual const std::vector<std::string>& notes() const = 0;
  /// Domains that are there and cannot be read.
  virtual std::vector<Domain> unread() const { return {}; }
  /// Sentences that belong beside every total.
  virtual std::vector<std::string> warnings() const { return {}; }
  /// Of devices whose driver tells who uses them, where Host::shares asked for it. Any thread.
  virtual std::vector<DeviceShares> shares() const { return {}; }
  /// CPUs on which a read is cheapest; empty: any.
  virtual std::vector<int> home() const { return {}; }

  // A slow device has a thread of its own, which these start, hurry and end; its read() tells what
  // that thread knows. All from threads that may wait.
  virtual bool has_thread() const { return false; }
  /// Before the first read.
  virtual void start() {}
  /// Returns when the device has been asked anew, or after 50 ms.
  virtual void refresh() noexcept {}
  /// After the last read. Idempotent.
  virtual void stop() noexcept {}
  /// CPU time of that thread so far, in seconds.
  virtual double cpu_seconds() const { return 0; }
};

/// The machine below root, and what is wanted of it: what every source needs to open.
struct Host {
  std::filesystem::path root;
  Topology topology;
  GpuWish gpus = {};
  std::string nvml = {};  // path of NVIDIA's library; empty: the system's
  /// Not empty: of NVIDIA's GPUs only those are counted, and only while, these processes or
  /// descendants of them work there.
  std::vector<int> pids = {};
  bool shares = false;  // whether the energy of GPUs is divided among processes
};

/// Why a source cannot be used here.
struct Refusal {
  enum class Kind { absent, forbidden, masked, broken };
  Kind kind;
  std::string reason;  // one sentence for a person: what is missing
  std::string fix;     // the one command that mends it; empty if none does
};

/// Something is not there. In a virtual machine it is the host's, and no command brings it.
Refusal absent(const Host& host, const std::string& reason, const std::string& fix);

using Opened = std::variant<std::unique_ptr<Source>, Refusal>;

/// Opens a source without the domains whose joules `taken` already holds; what it opens may
/// therefore have no domains.
using Open = Opened (*)(const Host& host, const std::vector<Domain>& taken);

struct SourceEntry {
  const char* name;
  Open open;
  bool automatic;     // whether 'auto' tries it
  bool mends_itself;  // whether it finds again what it has lost
};

/// All sources, best first.
const std::vector<SourceEntry>& all_sources();

/// Whether both domains count the same joules: same kind and package, and dies that overlap.
bool same_joules(const Domain& a, const Domain& b);

/// Whether any of `taken` counts the joules of `domain`.
bool is_taken(const Domain& domain, const std::vector<Domain>& taken);

/// Marks the domains that may be summed without counting a joule twice.
void choose_additive(std::vector<Domain>& domains);

/// "package-0", or "package-0-die-1" where dies have counters of their own (die ≥ 0).
std::string domain_id(const std::string& kind, int package, int die = -1);

/// What was opened for a list of source names, and why the rest was not.
struct Selection {
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<std::pair<std::string, Refusal>> refusals;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;  // what belongs beside every total: what it lacks, for one
};

/// Opens the named sources in order of merit; none named: all automatic ones. Each domain comes
/// from the best source that has it, and no joule from two.
Selection select(const Host& host, const std::vector<std::string>& names);

/// Opens the named sources (none named: all automatic ones) once more, without the domains whose
/// joules `taken` holds, for those that are lost; but for sources that mend themselves.
std::vector<std::unique_ptr<Source>> open_anew(const Host& host,
                                               const std::vector<std::string>& names,
                                               const std::vector<Domain>& lost,
                                               std::vector<Domain> taken);

/// Opens whatever else of RAPL shows what is read already, to be held against it.
std::vector<std::unique_ptr<Source>> open_twins(const Host& host, const std::vector<Domain>& read);

}  // namespace jouletap
