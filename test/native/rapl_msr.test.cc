// rapl-msr against made /dev/cpu/N/msr: sparse files, in which a register's number is its offset.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <map>

#include "check.h"
#include "opened.h"

using namespace jouletap;
using check::Reader;
using check::refusal_of;

namespace {

constexpr uint32_t kPackage = 0x611;
constexpr uint32_t kDram = 0x619;
constexpr uint32_t kCore = 0x639;
constexpr uint32_t kUncore = 0x641;
constexpr uint32_t kPsys = 0x64d;
constexpr uint32_t kAmdPackage = 0xc001029b;
constexpr double kUnit14 = 1.0 / 16384;
constexpr double kUnit16 = 1.0 / 65536;

/// A made machine with some registers. Registers that lie behind the last one written are absent;
/// the others read 0.
class Machine {
 public:
  Machine(const std::string& vendor, int family, int model) { tree.cpuinfo(vendor, family, model); }

  void cpu(int number, int package, int die = 0, int core = -1) {
    tree.cpu(number, package, die, core < 0 ? number : core);
    online_ += (online_.empty() ? "" : ",") + std::to_string(number);
    tree.online(online_);
  }

  void set(int cpu, uint32_t number, uint64_t value) const {
    const std::string name = msr(cpu);
    if (!std::filesystem::exists(tree.path(name))) tree.file(name, "");
    const int file = open(tree.path(name).c_str(), O_WRONLY | O_CLOEXEC);
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
    CHECK_EQ(pwrite(file, bytes, sizeof bytes, static_cast<off_t>(number)), 8);
    close(file);
  }

  static std::string msr(int cpu) { return "dev/cpu/" + std::to_string(cpu) + "/msr"; }

  Opened open_with(const std::vector<Domain>& taken = {}) const {
    return open_rapl_msr({tree.root(), read_topology(tree.root())}, taken);
  }

  Tree tree;

 private:
  std::string online_;
};

/// One Intel CPU with all registers; units 2^-14 J and 1/8 W.
void fill_intel(const Machine& machine, int cpu) {
  machine.set(cpu, 0x606, 0xa0e03);
  machine.set(cpu, kPackage, 1000);
  machine.set(cpu, kDram, 2000);
  machine.set(cpu, kCore, 3000);
  machine.set(cpu, kUncore, 4000);
  machine.set(cpu, kPsys, 5000);
}

void fill_amd(const Machine& machine, int cpu, uint64_t raw) {
  machine.set(cpu, 0xc0010299, 0xa1003);  // before the counter: in a file they overlap
  machine.set(cpu, kAmdPackage, raw);
}

}  // namespace

TEST(an_intel_client_has_five_domains_in_a_tree) {
  Machine machine("GenuineIntel", 6, 0x9a);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "package-0 dram-0 core-0 uncore-0 psys-0");
  CHECK(reader.source->notes().empty());
  reader.read();
  for (const auto& tally : reader.tallies) CHECK_EQ(tally.joules, 0.0);
  machine.set(0, kPackage, 1000 + 16384);
  machine.set(0, kDram, 2000 + 8192);
  machine.set(0, kCore, 3000 + 4096);
  machine.set(0, kUncore, 4000 + 2048);
  machine.set(0, kPsys, 5000 + 32768);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 1.0);
  CHECK_EQ(reader.tally("dram-0").joules, 0.5);
  CHECK_EQ(reader.tally("core-0").joules, 0.25);
  CHECK_EQ(reader.tally("uncore-0").joules, 0.125);
  CHECK_EQ(reader.tally("psys-0").joules, 2.0);

  const Domain& package = reader.domain("package-0");
  CHECK_EQ(package.path, "/dev/cpu/0/msr");
  CHECK_EQ(package.source, "rapl-msr");
  CHECK_EQ(package.unit, kUnit14);
  CHECK_EQ(package.wrap_joules, 262144.0);
  CHECK_EQ(package.update_s, 1.0 / 1024);
  CHECK(package.role == Role::root);
  CHECK(reader.domain("dram-0").role == Role::root);
  CHECK(reader.domain("core-0").role == Role::part);
  CHECK_EQ(reader.domain("core-0").parent, "package-0");
  CHECK_EQ(reader.domain("uncore-0").parent, "package-0");
  CHECK(reader.domain("psys-0").role == Role::whole);
}

TEST(missing_and_silent_registers_are_no_domains) {
  Machine machine("GenuineIntel", 6, 0x2a);
  machine.cpu(0, 0);
  machine.set(0, 0x606, 0xa1003);
  machine.set(0, kPackage, 7);
  machine.set(0, kCore, 9);  // DRAM, before it, reads 0; uncore and psys are past the end
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "package-0 core-0");
  CHECK(reader.notes_say("read 0: dram-0"));
  CHECK(reader.domain("package-0").modelled);
}

TEST(the_unit_of_dram_is_fixed_on_these_servers) {
  for (const int model : {0x3f, 0x4f, 0x56, 0x55, 0x6a, 0x6c, 0x57, 0x85}) {
    Machine machine("GenuineIntel", 6, model);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    Reader reader(machine.open_with());
    reader.read();
    machine.set(0, kPackage, 1000 + 16384);
    machine.set(0, kDram, 2000 + 65536);
    reader.read();
    CHECK_EQ(reader.domain("dram-0").unit, kUnit16);
    CHECK_EQ(reader.domain("dram-0").wrap_joules, 65536.0);
    CHECK_EQ(reader.tally("dram-0").joules, 1.0);
    CHECK_EQ(reader.tally("package-0").joules, 1.0);
    CHECK_EQ(reader.notes_say("Xeon D"), model == 0x56);
  }
}

TEST(psys_counts_whole_joules_on_sapphire_and_emerald_rapids) {
  for (const int model : {0x8f, 0xcf}) {
    Machine machine("GenuineIntel", 6, model);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    machine.set(0, kPsys, 0);
    Reader reader(machine.open_with());
    reader.read();
    machine.set(0, kPsys, 3);
    machine.set(0, kDram, 2000 + 16384);
    reader.read();
    CHECK_EQ(reader.tally("psys-0").joules, 3.0);
    CHECK_EQ(reader.domain("psys-0").max_watts, 10000.0);
    CHECK_EQ(reader.tally("dram-0").joules, 1.0);
  }
}

TEST(silvermont_and_airmont_count_powers_of_two_microjoules) {
  for (const int model : {0x37, 0x4a, 0x4d, 0x4c, 0x5a}) {
    Machine machine("GenuineIntel", 6, model);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    machine.set(0, 0x606, 0x00505);  // 2^5 µJ
    Reader reader(machine.open_with());
    reader.read();
    machine.set(0, kPackage, 1000 + 1'000'000);
    reader.read();
    CHECK_NEAR(reader.tally("package-0").joules, 32, 1e-9);
  }
}

TEST(reserved_bits_do_not_count) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  machine.set(0, kCore, 0xdeadbeef00000bb8);
  Reader reader(machine.open_with());
  reader.read();
  machine.set(0, kCore, 0x1234567800000bb8 + 16384);
  reader.read();
  CHECK_EQ(reader.tally("core-0").joules, 1.0);
  CHECK_EQ(reader.tally("core-0").backwards, 0.0);
}

TEST(a_32_bit_counter_wraps_at_2_to_the_32) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  machine.set(0, kCore, 0xffffffff);
  Reader reader(machine.open_with());
  reader.read();
  machine.set(0, kCore, 16383);
  reader.read();
  CHECK_EQ(reader.tally("core-0").joules, 1.0);
  CHECK_EQ(reader.tally("core-0").wraps, 1.0);
}

TEST(twice_the_tdp_is_believed_and_never_less_than_500_w) {
  // In a file the TDP (0x614) lies over bits 24 to 39 of the package's counter (0x611).
  for (const auto& [tdp, watts] :
       std::map<uint64_t, double>{{2800, 700}, {120, 500}, {4, 1000}, {0x7fff, 1000}}) {
    Machine machine("GenuineIntel", 6, 0x6a);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    machine.set(0, kPackage, tdp << 24 | 1);
    Reader reader(machine.open_with());
    CHECK_EQ(reader.domain("package-0").max_watts, watts);
    CHECK_EQ(reader.domain("dram-0").max_watts, 1000.0);
  }
}

TEST(packages_are_read_once_each_whatever_their_ids_and_threads) {
  Machine machine("GenuineIntel", 6, 0x6a);
  machine.cpu(1, 0, 0, 0);  // no CPU 0; CPUs 1 and 9 are threads of one core
  machine.cpu(9, 0, 0, 0);
  machine.cpu(4, 2, 0, 0);
  machine.cpu(12, 2, 0, 0);
  for (const int cpu : {1, 9, 4, 12}) fill_intel(machine, cpu);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(),
           "package-0 dram-0 core-0 uncore-0 psys-0 package-2 dram-2 core-2 uncore-2");
  CHECK_EQ(reader.domain("package-2").path, "/dev/cpu/4/msr");
  CHECK_EQ(reader.domain("core-2").parent, "package-2");
  CHECK(reader.source->home() == (std::vector<int>{1, 9}));
  reader.read();
  for (const int cpu : {1, 9}) machine.set(cpu, kPackage, 1000 + 16384);
  for (const int cpu : {4, 12}) machine.set(cpu, kPackage, 1000 + 32768);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 1.0);
  CHECK_EQ(reader.tally("package-2").joules, 2.0);
}

TEST(dies_of_an_intel_package_have_counters_of_their_own) {
  Machine machine("GenuineIntel", 6, 0x55);
  machine.cpu(0, 0, 0);
  machine.cpu(1, 0, 1);
  fill_intel(machine, 0);
  fill_intel(machine, 1);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(),
           "package-0-die-0 dram-0-die-0 core-0-die-0 uncore-0-die-0 psys-0 "
           "package-0-die-1 dram-0-die-1 core-0-die-1 uncore-0-die-1");
  CHECK_EQ(reader.domain("core-0-die-1").parent, "package-0-die-1");
}

TEST(dies_of_an_amd_package_do_not) {
  Machine machine("AuthenticAMD", 0x17, 0x08);
  machine.cpu(0, 0, 0);
  machine.cpu(1, 0, 1);
  fill_amd(machine, 0, 5000);
  fill_amd(machine, 1, 5000);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "package-0");
}

TEST(amd_and_hygon_have_a_package_in_every_family) {
  struct Part {
    const char* vendor;
    int family;
    int model;
    bool modelled;
  };
  for (const Part& part :
       {Part{"AuthenticAMD", 0x17, 0x31, true}, Part{"HygonGenuine", 0x18, 0x01, false},
        Part{"AuthenticAMD", 0x19, 0x11, false}, Part{"AuthenticAMD", 0x1a, 0x02, false},
        Part{"AuthenticAMD", 0x1b, 0x00, false}}) {
    Machine machine(part.vendor, part.family, part.model);
    machine.cpu(0, 0);
    fill_amd(machine, 0, 0xffffff00);
    Reader reader(machine.open_with());
    CHECK_EQ(reader.ids(), "package-0");
    CHECK_EQ(reader.domain("package-0").unit, kUnit16);
    CHECK_EQ(reader.domain("package-0").max_watts, 1000.0);
    CHECK_EQ(reader.domain("package-0").wrap_joules, 65536.0);
    CHECK_EQ(reader.domain("package-0").modelled, part.modelled);
    CHECK_EQ(reader.notes_say("family 1bh model 00h is not known"), part.family == 0x1b);
    reader.read();
    machine.set(0, kAmdPackage, 65536 - 256);  // wraps: these 32 bits are all there are
    reader.read();
    CHECK_EQ(reader.tally("package-0").joules, 1.0);
    CHECK_EQ(reader.tally("package-0").wraps, 1.0);
  }
}

TEST(a_64_bit_amd_counter_passes_2_to_the_32) {
  Machine machine("AuthenticAMD", 0x19, 0x11);
  machine.cpu(0, 0);
  fill_amd(machine, 0, 0xffffff00);
  Reader reader(machine.open_with());
  reader.read();
  machine.set(0, kAmdPackage, 0x1'0000'0000 + 65536 - 256);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 1.0);
  CHECK_EQ(reader.tally("package-0").wraps, 0.0);
  machine.set(0, kAmdPackage, 0x1'0000'0000 + 3 * 65536 - 256);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 3.0);
}

TEST(a_counter_past_32_bits_never_wraps) {
  Machine machine("AuthenticAMD", 0x19, 0x11);
  machine.cpu(0, 0);
  fill_amd(machine, 0, 0x7'0000'0000);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.domain("package-0").wrap_joules, 0.0);
}

TEST(the_energy_filter_is_bit_0) {
  for (const uint64_t value : {0, 1, 2, 3}) {
    Machine machine("GenuineIntel", 6, 0x9e);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    machine.set(0, 0xbc, value);
    Reader reader(machine.open_with());
    CHECK_EQ(reader.notes_say("energy filtering is on in package-0"), (value & 1) != 0);
  }
}

TEST(an_unknown_intel_model_works_and_says_so) {
  Machine machine("GenuineIntel", 6, 0xfe);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.domain("dram-0").unit, kUnit14);
  CHECK(reader.notes_say("family 06h model feh is not known"));
}

TEST(what_another_source_has_is_left_to_it) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  Reader all(machine.open_with());
  Reader rest(machine.open_with({all.domain("package-0"), all.domain("psys-0")}));
  CHECK_EQ(rest.ids(), "dram-0 core-0 uncore-0");
  Reader none(machine.open_with(all.source->domains()));
  CHECK(none.source->domains().empty());
}

TEST(a_register_that_fails_is_a_miss_and_the_next_read_spans_it) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  Reader reader(machine.open_with());
  reader.read();
  std::filesystem::resize_file(machine.tree.path(Machine::msr(0)), kCore);
  reader.read();
  CHECK_EQ(reader.tally("core-0").failures, 1.0);
  CHECK(!reader.tally("core-0").fresh);
  CHECK(reader.tally("package-0").fresh);
  machine.set(0, kCore, 3000 + 16384);
  reader.read();
  CHECK(reader.tally("core-0").fresh);
  CHECK_EQ(reader.tally("core-0").joules, 1.0);
}

TEST(a_cpu_without_a_file_gives_way_to_its_sibling) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  machine.cpu(1, 0);
  fill_intel(machine, 1);
  Reader reader(machine.open_with());
  CHECK_EQ(reader.domain("package-0").path, "/dev/cpu/1/msr");
}

TEST(a_package_that_cannot_be_read_is_told) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  machine.cpu(1, 1);
  fill_intel(machine, 0);
  Reader reader(machine.open_with());
  CHECK(reader.notes_say("no CPU gives the registers of package-1"));
}

TEST(without_the_module_the_refusal_says_how_to_load_it) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  const Refusal refusal = refusal_of(machine.open_with());
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK_EQ(refusal.fix, "sudo modprobe msr");
}

TEST(a_cpu_off_line_is_told) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  machine.tree.folder("dev/cpu/0");
  sockaddr_un address{};  // a socket's file fails to open as the device of such a CPU does
  address.sun_family = AF_UNIX;
  machine.tree.path(Machine::msr(0)).string().copy(address.sun_path, sizeof address.sun_path - 1);
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_EQ(bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const Refusal refusal = refusal_of(machine.open_with());
  close(file);
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK_EQ(refusal.reason, "/dev/cpu/0/msr belongs to a CPU that is off line");
}

TEST(a_virtual_machine_hides_the_registers) {
  Machine hidden("GenuineIntel", 6, 0x9e);
  hidden.cpu(0, 0);
  hidden.set(0, 0x10, 1);
  CHECK(refusal_of(hidden.open_with()).kind == Refusal::Kind::absent);
  CHECK(refusal_of(hidden.open_with()).reason.find("virtual machines") != std::string::npos);

  Machine zero("GenuineIntel", 6, 0x9e);
  zero.cpu(0, 0);
  zero.set(0, 0xffff, 1);
  CHECK(refusal_of(zero.open_with()).kind == Refusal::Kind::absent);
}

TEST(registers_that_are_all_0_are_broken) {
  Machine machine("AuthenticAMD", 0x19, 0x11);
  machine.cpu(0, 0);
  machine.set(0, 0xc0010299, 0x01003);
  machine.set(0, kAmdPackage, 0);
  CHECK(refusal_of(machine.open_with()).kind == Refusal::Kind::broken);
}

TEST(tpmi_parts_and_other_vendors_are_refused) {
  for (const int model : {0xad, 0xae, 0xaf}) {
    Machine machine("GenuineIntel", 6, model);
    machine.cpu(0, 0);
    fill_intel(machine, 0);
    const Refusal refusal = refusal_of(machine.open_with());
    CHECK(refusal.kind == Refusal::Kind::absent);
    CHECK(refusal.reason.find("rapl-powercap") != std::string::npos);
  }
  Machine other("CentaurHauls", 7, 1);
  other.cpu(0, 0);
  CHECK(refusal_of(other.open_with()).kind == Refusal::Kind::absent);
}

TEST(without_permission_the_refusal_names_the_mode_and_the_capability) {
  Machine machine("GenuineIntel", 6, 0x9e);
  machine.cpu(0, 0);
  fill_intel(machine, 0);
  std::filesystem::permissions(machine.tree.path(Machine::msr(0)),
                               std::filesystem::perms::owner_read,  // 0400
                               std::filesystem::perm_options::replace);
  const bool root = geteuid() == 0;
  if (!root) {
    std::filesystem::permissions(machine.tree.path(Machine::msr(0)), std::filesystem::perms::none);
  }
  if (root && seteuid(65534) != 0) skip("cannot give up root");
  const Opened opened = machine.open_with();
  if (root) CHECK_EQ(seteuid(0), 0);
  const Refusal* refusal = std::get_if<Refusal>(&opened);
  CHECK(refusal != nullptr);
  if (refusal == nullptr) return;
  CHECK(refusal->kind == Refusal::Kind::forbidden);
  CHECK(refusal->reason.find(root ? "mode 0400" : "mode 0000") != std::string::npos);
  CHECK(refusal->reason.find("CAP_SYS_RAWIO") != std::string::npos);
  CHECK(refusal->fix.find("cap_sys_rawio,cap_dac_read_search") != std::string::npos);
}

TEST(a_cpu_that_goes_off_line_leaves_the_registers_to_another_of_its_package) {
  Machine machine("GenuineIntel", 6, 0x9a);
  for (const int cpu : {0, 1}) {
    machine.cpu(cpu, cpu);
    machine.cpu(cpu + 2, cpu);
  }
  for (int cpu = 0; cpu < 4; ++cpu) fill_intel(machine, cpu);
  Reader reader(machine.open_with());
  reader.read();
  const auto lose = [&](int cpu) {
    std::filesystem::resize_file(machine.tree.path(machine.msr(cpu)), 0);
  };
  lose(0);
  machine.set(1, kPackage, 1000 + 3 * 16384);  // of package 1
  machine.set(2, kPackage, 1000 + 16384);
  machine.set(2, kDram, 2000 + 8192);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 1.0);
  CHECK_EQ(reader.tally("dram-0").joules, 0.5);
  CHECK_EQ(reader.tally("package-1").joules, 3.0);
  for (const auto& tally : reader.tallies) CHECK_EQ(tally.failures, 0.0);

  const uint64_t nothing = check::reads();
  const uint64_t before = check::reads();
  reader.read();
  const uint64_t own = before - nothing;
  CHECK_EQ(check::reads() - before - own, reader.tallies.size());  // it stays there

  lose(2);
  reader.read();
  CHECK_EQ(reader.tally("package-0").failures, 1.0);
  CHECK_EQ(reader.tally("package-1").failures, 0.0);
  fill_intel(machine, 0);
  machine.set(0, kPackage, 1000 + 2 * 16384);
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 2.0);
}
