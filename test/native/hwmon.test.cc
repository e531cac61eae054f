// hwmon against made /sys/class/hwmon trees; time is the real clock, so energies are compared with
// what the power written and the covered time make.
#include <algorithm>

#include "chips.h"

using namespace jouletap;
using check::Reader;
using check::refusal_of;
using chips::let_time_pass;
using chips::Machine;

TEST(amd_energy_gives_sockets_and_not_their_cores) {
  Machine machine;
  machine.tree.cpuinfo("AuthenticAMD", 0x17, 0x31);
  machine.chip(3, "amd_energy", "amd_energy.0");
  for (int n = 1; n <= 11; ++n) {
    machine.set(3, "energy" + std::to_string(n) + "_label", "Ecore00" + std::to_string(n - 1));
    machine.set(3, "energy" + std::to_string(n) + "_input", "1000");
  }
  machine.set(3, "energy10_label", "Esocket0");
  machine.set(3, "energy11_label", "Esocket1");
  machine.set(3, "energy10_input", "9007199254740993");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "package-0 package-1");
  const Domain& package = reader.domain("package-1");
  CHECK(package.role == Role::root);
  CHECK_EQ(package.package, 1);
  CHECK_EQ(package.path, "/sys/class/hwmon/hwmon3/energy11_input");
  CHECK_EQ(package.unit, 1e-6);
  CHECK_EQ(package.update_s, 1e-3);
  CHECK_EQ(package.wrap_joules, 0.0);
  CHECK(package.modelled);
  CHECK(!package.gauge());
  reader.read();
  CHECK_EQ(reader.tally("package-0").joules, 0.0);
  machine.set(3, "energy11_input", "2501000");
  machine.set(3, "energy10_input", "9007199255740996");
  reader.read();
  CHECK_NEAR(reader.tally("package-0").joules, 1.000003, 1e-12);
  CHECK_NEAR(reader.tally("package-1").joules, 2.5, 1e-12);
}

TEST(i915_is_a_card_that_wants_reading_before_its_register_wraps_twice) {
  Machine machine;
  machine.chip(0, "i915", "0000:03:00.0");
  machine.set(0, "energy1_input", "5");
  machine.chip(1, "i915_gt0", "0000:03:00.0");
  machine.set(1, "energy1_input", "5");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "gpu-0000:03:00.0 gpu-tile-0000:03:00.0-i915_gt0");
  CHECK_EQ(reader.domain("gpu-0000:03:00.0").wrap_joules, 262144.0);
  CHECK_EQ(reader.domain("gpu-0000:03:00.0").max_watts, 3000.0);
  CHECK_EQ(reader.additive(), "gpu-0000:03:00.0");
  reader.read();
  machine.set(0, "energy1_input", "1000005");
  reader.read();
  CHECK_NEAR(reader.tally("gpu-0000:03:00.0").joules, 1, 1e-12);
}

TEST(the_package_of_an_xe_card_is_part_of_it) {
  Machine machine;
  machine.chip(0, "xe", "0000:03:00.0");
  machine.set(0, "energy1_label", "card");
  machine.set(0, "energy1_input", "10");
  machine.set(0, "energy2_label", "pkg");
  machine.set(0, "energy2_input", "20");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "gpu-0000:03:00.0 gpu-package-0000:03:00.0");
  CHECK_EQ(reader.additive(), "gpu-0000:03:00.0");
  Reader rest(machine.open_with({reader.domain("gpu-0000:03:00.0")}));
  CHECK_EQ(rest.ids(), "gpu-package-0000:03:00.0");
  CHECK_EQ(rest.domain("gpu-package-0000:03:00.0").parent, "gpu-0000:03:00.0");
}

TEST(amdgpu_is_a_gauge_by_either_file) {
  for (const std::string file : {"power1_average", "power1_input"}) {
    Machine machine;
    machine.chip(0, "amdgpu", "0000:c1:00.0");
    machine.set(0, "power1_label", "PPT");
    machine.set(0, file, "40000000");
    machine.set(0, "power1_cap", "200000000");
    machine.set(0, "in0_input", "800");
    Reader reader(machine.open_with());
    CHECK_EQ(reader.ids(), "gpu-0000:c1:00.0");
    CHECK_EQ(reader.additive(), "gpu-0000:c1:00.0");
    CHECK(reader.domain("gpu-0000:c1:00.0").gauge());
    CHECK_EQ(reader.domain("gpu-0000:c1:00.0").unit, 0.0);
    reader.read();
    CHECK_EQ(reader.tally("gpu-0000:c1:00.0").joules, 0.0);
    let_time_pass();
    reader.read();  // the value is the old one: held, not missing
    CHECK(reader.tally("gpu-0000:c1:00.0").covered_ms >= 5);
    CHECK_NEAR(reader.watts("gpu-0000:c1:00.0"), 40, 1e-6);
    CHECK_EQ(reader.tally("gpu-0000:c1:00.0").failures, 0.0);
  }
}

TEST(an_apu_is_part_of_the_package) {
  for (const std::string label : {"slowPPT", "PPT"}) {
    Machine machine;
    machine.chip(0, "amdgpu", "0000:c1:00.0");
    machine.set(0, "power1_label", label);
    machine.set(0, "power1_average", "15000000");
    if (label == "slowPPT") {
      machine.set(0, "power2_label", "fastPPT");
      machine.set(0, "power2_average", "15000000");
    } else {
      machine.set(0, "in1_label", "vddnb");
    }
    Reader reader(machine.open_with());
    CHECK_EQ(reader.ids(), "gpu-0000:c1:00.0");
    CHECK(reader.domain("gpu-0000:c1:00.0").role == Role::part);
    CHECK_EQ(reader.domain("gpu-0000:c1:00.0").parent, "package-0");
  }
}

TEST(a_sleeping_gpu_is_not_touched) {
  Machine machine;
  machine.runtime_status("0000:03:00.0", "suspended");
  machine.chip(0, "amdgpu", "0000:03:00.0");
  machine.set(0, "power1_average", "garbage that a read would count as a failure");
  machine.runtime_status("0000:04:00.0", "suspended");
  machine.chip(1, "i915", "0000:04:00.0");
  machine.set(1, "energy1_input", "garbage too");
  Reader reader(machine.open_with());
  const std::string gauge = "gpu-0000:03:00.0";
  const std::string counter = "gpu-0000:04:00.0";
  CHECK(reader.notes_say("asleep, not woken, and counted as 0 W while asleep: " + gauge));
  for (int i = 0; i < 3; ++i) {
    reader.read();
    let_time_pass();
  }
  for (const auto& tally : reader.tallies) {
    CHECK(tally.fresh);
    CHECK_EQ(tally.failures, 0.0);
    CHECK_EQ(tally.joules, 0.0);
    CHECK(tally.covered_ms >= 5);
  }
  const double asleep_ms = reader.tally(counter).covered_ms;

  machine.runtime_status("0000:03:00.0", "active");
  machine.runtime_status("0000:04:00.0", "active");
  machine.set(0, "power1_average", "100000000");
  machine.set(1, "energy1_input", "7000000");  // the first value ever seen is a baseline
  reader.read();
  CHECK_EQ(reader.tally(counter).joules, 0.0);
  CHECK_EQ(reader.tally(counter).failures, 1.0);  // what it used since it woke is not known
  machine.set(1, "energy1_input", "8000000");
  let_time_pass();
  reader.read();
  CHECK_NEAR(reader.tally(counter).joules, 1, 1e-12);
  CHECK(reader.tally(counter).covered_ms > asleep_ms);
  CHECK(reader.tally(gauge).joules > 0.5);

  machine.runtime_status("0000:04:00.0", "suspended");
  machine.set(1, "energy1_input", "garbage again");
  reader.read();
  let_time_pass();
  reader.read();
  CHECK_NEAR(reader.tally(counter).joules, 1, 1e-12);
  CHECK_EQ(reader.tally(counter).failures, 1.0);
  CHECK_EQ(reader.tally(counter).stalls, 0.0);
}

TEST(a_gpu_that_falls_asleep_between_opening_and_the_baseline_has_none) {
  Machine machine;
  machine.runtime_status("0000:03:00.0", "active");
  machine.chip(0, "xe", "0000:03:00.0");
  machine.set(0, "energy1_input", "100000000");
  Reader reader(machine.open_with());
  machine.runtime_status("0000:03:00.0", "suspended");
  reader.read();
  machine.runtime_status("0000:03:00.0", "active");
  machine.set(0, "energy1_input", "100000500");
  reader.read();
  machine.set(0, "energy1_input", "101000500");
  reader.read();
  CHECK_NEAR(reader.tallies[0].joules, 1, 1e-12);
}

TEST(a_gpu_that_cannot_sleep_is_read) {
  Machine machine;
  machine.runtime_status("0000:03:00.0", "unsupported");
  machine.chip(0, "i915", "0000:03:00.0");
  machine.set(0, "energy1_input", "0");
  Reader reader(machine.open_with());
  reader.read();
  machine.set(0, "energy1_input", "250000");
  reader.read();
  CHECK_NEAR(reader.tally("gpu-0000:03:00.0").joules, 0.25, 1e-12);
}

TEST(a_power_meter_is_a_platform_and_its_sentinel_is_missing) {
  Machine machine;
  machine.chip(0, "power_meter", "ACPI000D:00");
  machine.set(0, "power1_average", "350000000");
  machine.set(0, "power1_average_interval", "1000");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "platform-ACPI000D:00");
  const Domain& platform = reader.source->domains()[0];
  CHECK(platform.role == Role::whole);
  CHECK_EQ(platform.update_s, 1.0);
  CHECK_EQ(platform.max_watts, 10000.0);
  CHECK_EQ(reader.additive(), "platform-ACPI000D:00");
  reader.read();
  const Tally& tally = reader.tallies[0];
  double missed = 0;
  for (const std::string text :
       {"4294967295000", "4294967295", "-5000000", "20000000000", "", "x"}) {
    machine.set(0, "power1_average", text);
    reader.read();
    CHECK(!tally.fresh);
    CHECK_EQ(tally.failures, ++missed);
  }
  machine.set(0, "power1_average", "350000000");
  let_time_pass();
  reader.read();
  CHECK_EQ(tally.bridged, 1.0);
  CHECK_NEAR(reader.watts("platform-ACPI000D:00"), 350, 1e-6);
}

TEST(old_drivers_keep_their_files_with_the_device) {
  Machine machine;
  machine.tree.file("sys/devices/ACPI000D:00/name", "power_meter\n");
  machine.tree.file("sys/devices/ACPI000D:00/power1_average", "1000000\n");
  machine.tree.link("sys/class/hwmon/hwmon0/device", "sys/devices/ACPI000D:00");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "platform-ACPI000D:00");
  CHECK_EQ(reader.domain("platform-ACPI000D:00").path,
           "/sys/class/hwmon/hwmon0/device/power1_average");
}

TEST(grace_is_a_package_inside_a_module) {
  Machine machine;
  const std::string what[] = {"Module", "Grace", "CPU", "SysIO"};
  for (int n = 0; n < 8; ++n) {
    machine.chip(n, "power_meter", "ACPI000D:0" + std::to_string(n));
    machine.set(n, "power1_oem_info", what[n % 4] + " Power Socket " + std::to_string(n / 4));
    machine.set(n, "power1_average", std::to_string(100 - n) + "000000");
    machine.set(n, "power1_average_interval", "50");
  }
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "module-0 package-0 core-0 uncore-0 module-1 package-1 core-1 uncore-1");
  CHECK_EQ(reader.additive(), "package-0 package-1");
  CHECK(reader.domain("module-1").role == Role::whole);
  CHECK_EQ(reader.domain("core-1").parent, "package-1");
  CHECK_EQ(reader.domain("uncore-0").parent, "package-0");
  CHECK_EQ(reader.domain("package-1").package, 1);
  CHECK_EQ(reader.domain("package-0").update_s, 0.05);
}

TEST(rails_of_a_jetson_are_inside_its_module) {
  Machine machine;
  machine.chip(2, "ina3221", "1-0040");
  const std::string labels[] = {"VDD_CPU_GPU_CV", "VDD_SOC", "VDD_IN"};
  for (int n = 1; n <= 3; ++n) {
    const std::string number = std::to_string(n);
    machine.set(2, "in" + number + "_label", labels[n - 1]);
    machine.set(2, "in" + number + "_input", "5000");
    machine.set(2, "curr" + number + "_input", std::to_string(400 * n));
  }
  for (int n = 4; n <= 7; ++n) machine.set(2, "in" + std::to_string(n) + "_input", "1");
  machine.set(2, "curr4_input", "9999");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "rail-vdd_cpu_gpu_cv rail-vdd_soc module-1-0040");
  CHECK_EQ(reader.domain("rail-vdd_soc").parent, "module-1-0040");
  CHECK_EQ(reader.additive(), "module-1-0040");
  CHECK(reader.domain("rail-vdd_soc").gain > 0);
  reader.read();
  let_time_pass();
  reader.read();
  CHECK_NEAR(reader.watts("module-1-0040"), 6, 1e-9);  // 5 V × 1.2 A
  CHECK_NEAR(reader.watts("rail-vdd_cpu_gpu_cv"), 2, 1e-9);
  machine.set(2, "curr3_input", "-8");
  reader.read();
  CHECK_EQ(reader.tally("module-1-0040").failures, 1.0);
}

TEST(other_modules_of_jetson) {
  struct Rail {
    const char* label;
    const char* domain;
    bool additive;
  };
  for (const Rail& rail :
       {Rail{"POM_5V_IN", "module-1-0040", true}, Rail{"POM_5V_GPU", "rail-pom_5v_gpu", false},
        Rail{"VDD_MUX", "rail-vdd_mux", false}, Rail{"VDD_GPU_SOC", "rail-vdd_gpu_soc", true},
        Rail{"VDD_CPU_CV", "rail-vdd_cpu_cv", true},
        Rail{"VIN_SYS_5V0", "rail-vin_sys_5v0", true}}) {
    Machine machine;
    machine.chip(0, "ina3221", "1-0040");
    machine.set(0, "in1_label", rail.label);
    machine.set(0, "in1_input", "5000");
    machine.set(0, "curr1_input", "100");
    machine.set(0, "in2_label", "NC");
    machine.set(0, "in2_input", "0");
    machine.set(0, "curr2_input", "0");
    Reader reader(machine.open_with());
    CHECK_EQ(reader.ids(), rail.domain);
    CHECK_EQ(reader.additive(), rail.additive ? rail.domain : "");
  }
}

TEST(agx_orin_adds_its_three_inputs_and_not_the_memory_behind_one) {
  Machine machine;
  machine.chip(0, "ina3221", "1-0041");
  machine.set(0, "in2_label", "VDDQ_VDD2_1V8AO");
  machine.set(0, "in2_input", "5000");
  machine.set(0, "curr2_input", "100");
  machine.chip(1, "ina3221", "1-0040");
  int n = 0;
  for (const std::string label : {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}) {
    const std::string number = std::to_string(++n);
    machine.set(1, "in" + number + "_label", label);
    machine.set(1, "in" + number + "_input", "5000");
    machine.set(1, "curr" + number + "_input", "100");
  }
  Reader reader(machine.open_with());
  CHECK_EQ(reader.additive(), "rail-vdd_gpu_soc rail-vdd_cpu_cv rail-vin_sys_5v0");
}

TEST(rails_of_unknown_place_are_never_added) {
  struct Rail {
    const char* chip;
    const char* files[2];
    const char* id;
  };
  for (const Rail& rail : {Rail{"ina219", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"ina226", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"ina231", {"in1_input", "curr1_input"}, "rail-0-0045-in1"},
                           Rail{"ina238", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"ltc2947", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"ltc2992", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"pmbus", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"scmi_sensors", {"power1_input", ""}, "rail-0-0045-power1"},
                           Rail{"max20730", {"in2_input", "curr1_input"}, "rail-0-0045-in2"}}) {
    Machine machine;
    machine.chip(0, rail.chip, "0-0045");
    machine.set(0, rail.files[0], "2000");
    if (*rail.files[1] != 0) machine.set(0, rail.files[1], "3000");
    Reader reader(machine.open_with());
    CHECK_EQ(reader.ids(), rail.id);
    CHECK_EQ(reader.additive(), "");
    CHECK(reader.notes_say("not added to any total"));
    reader.read();
    let_time_pass();
    reader.read();
    CHECK_NEAR(reader.watts(rail.id), *rail.files[1] != 0 ? 6 : 0.002, 1e-9);
  }
}

TEST(a_chip_that_multiplies_itself_is_not_multiplied_again) {
  Machine machine;
  machine.chip(0, "ina226", "0-0045");
  machine.set(0, "in1_input", "5000");
  machine.set(0, "curr1_input", "1000");
  machine.set(0, "power1_input", "5000000");
  CHECK_EQ(Reader(machine.open_with()).ids(), "rail-0-0045-power1");
}

TEST(two_rails_of_one_name_are_two) {
  Machine machine;
  for (int n = 0; n < 2; ++n) {
    machine.chip(n, "ina226", "0-004" + std::to_string(n));
    machine.set(n, "power1_label", "5V Input");
    machine.set(n, "power1_input", "1");
  }
  CHECK_EQ(Reader(machine.open_with()).ids(), "rail-5v-input rail-5v-input-0-0041-power1");
}

TEST(an_x_gene_socket_is_the_sum_of_its_cores_and_its_io) {
  Machine machine;
  for (int n = 0; n < 2; ++n) {
    machine.chip(n, "apm_xgene", "APMC0D29:0" + std::to_string(n));
    machine.set(n, "power1_label", "CPU power");
    machine.set(n, "power1_input", "50000000");
    machine.set(n, "power2_label", "IO power");
    machine.set(n, "power2_input", "20000000");
  }
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "core-0 uncore-0 core-1 uncore-1");
  CHECK_EQ(reader.additive(), reader.ids());
  CHECK_EQ(reader.domain("uncore-1").package, 1);
}

TEST(a_power_supply_is_a_platform) {
  Machine machine;
  machine.chip(0, "corsairpsu", "0003:1B1C:1C05.0003");
  machine.set(0, "power1_label", "power total");
  machine.set(0, "power1_input", "90000000");
  machine.set(0, "power2_label", "power +12v");
  machine.set(0, "power2_input", "80000000");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "platform-0003:1B1C:1C05.0003");
}

TEST(domains_keep_their_names_when_the_numbers_change) {
  std::string before;
  for (const bool swapped : {false, true}) {
    Machine machine;
    machine.chip(swapped ? 10 : 2, "amdgpu", "0000:03:00.0");
    machine.set(swapped ? 10 : 2, "power1_average", "3000000");
    machine.chip(swapped ? 2 : 10, "amdgpu", "0000:83:00.0");
    machine.set(swapped ? 2 : 10, "power1_average", "8000000");
    Reader reader(machine.open_with());
    if (swapped) CHECK_EQ(reader.ids(), before);
    before = reader.ids();
    reader.read();
    let_time_pass();
    reader.read();
    CHECK_NEAR(reader.watts("gpu-0000:83:00.0"), 8, 1e-9);
  }
}

TEST(without_a_link_the_folder_names_the_device) {
  Machine machine;
  machine.set(7, "name", "power_meter");
  machine.set(7, "power1_average", "1");
  CHECK_EQ(Reader(machine.open_with()).ids(), "platform-hwmon7");
}

TEST(a_file_that_runs_empty_is_a_miss_and_the_next_read_spans_it) {
  Machine machine;
  machine.chip(0, "i915", "0000:03:00.0");
  machine.set(0, "energy1_input", "1000000");
  Reader reader(machine.open_with());
  reader.read();
  machine.tree.file(Machine::file(0, "energy1_input"), "");
  reader.read();
  CHECK_EQ(reader.tallies[0].failures, 1.0);
  CHECK(!reader.tallies[0].fresh);
  machine.set(0, "energy1_input", "1500000");
  reader.read();
  CHECK_NEAR(reader.tallies[0].joules, 0.5, 1e-12);
}

TEST(a_folder_that_vanishes_hurts_nobody_else) {
  Machine machine;
  machine.chip(0, "amdgpu", "0000:03:00.0");
  machine.set(0, "power1_average", "1000000");
  machine.chip(1, "amdgpu", "0000:83:00.0");
  machine.set(1, "power1_average", "2000000");
  Reader reader(machine.open_with());
  reader.read();
  machine.tree.file(Machine::file(0, "power1_average"), "");
  machine.tree.remove("sys/class/hwmon/hwmon0");
  let_time_pass();
  reader.read();
  CHECK(!reader.tally("gpu-0000:03:00.0").fresh);
  CHECK_NEAR(reader.watts("gpu-0000:83:00.0"), 2, 1e-9);
}

TEST(what_another_source_has_is_left_to_it) {
  Machine machine;
  machine.chip(0, "amd_energy", "amd_energy.0");
  machine.set(0, "energy1_label", "Esocket0");
  machine.set(0, "energy1_input", "1");
  Domain package;
  package.id = "package-0";
  package.kind = "package";
  package.package = 0;
  CHECK(Reader(machine.open_with({package})).source->domains().empty());
}

TEST(unknown_chips_are_named_only_if_they_measure_energy) {
  Machine machine;
  machine.chip(0, "amdgpu", "0000:03:00.0");
  machine.set(0, "power1_average", "1000000");
  machine.chip(1, "coretemp", "coretemp.0");
  machine.set(1, "temp1_input", "40000");
  machine.chip(2, "acme", "acme.0");
  machine.set(2, "power1_input", "5");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.source->notes().size(), 1u);
  CHECK(reader.notes_say("not known: acme acme.0"));
}

TEST(refusals_say_what_is_there) {
  Machine none;
  CHECK(refusal_of(none.open_with()).kind == Refusal::Kind::absent);

  Machine temperatures;
  temperatures.chip(0, "nvme", "nvme0");
  temperatures.chip(1, "coretemp", "coretemp.0");
  const Refusal refusal = refusal_of(temperatures.open_with());
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK(refusal.reason.find("coretemp, nvme") != std::string::npos);

  Machine silent;
  silent.chip(0, "power_meter", "ACPI000D:00");
  silent.set(0, "power1_average", "x");
  CHECK(refusal_of(silent.open_with()).kind == Refusal::Kind::broken);
}

TEST(a_file_for_root_only_is_forbidden) {
  Machine machine;
  machine.chip(0, "amd_energy", "amd_energy.0");
  machine.set(0, "energy1_label", "Esocket0");
  machine.set(0, "energy1_input", "1");
  std::filesystem::permissions(machine.tree.path(Machine::file(0, "energy1_input")),
                               std::filesystem::perms::none);
  const bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) skip("cannot give up root");
  const Opened opened = machine.open_with();
  if (root) CHECK_EQ(seteuid(0), 0);
  const Refusal* refusal = std::get_if<Refusal>(&opened);
  CHECK(refusal != nullptr && refusal->kind == Refusal::Kind::forbidden);
  CHECK(refusal != nullptr &&
        refusal->fix == "sudo chmod a+r /sys/class/hwmon/hwmon0/energy1_input");
}

TEST(a_grace_module_is_not_added_to_the_parts_of_its_cpu) {
  Machine machine;
  const std::string what[] = {"Module", "CPU", "SysIO"};
  for (int n = 0; n < 3; ++n) {
    machine.chip(n, "power_meter", "ACPI000D:0" + std::to_string(n));
    machine.set(n, "power1_oem_info", what[n] + " Power Socket 0");
    machine.set(n, "power1_average", "100000000");
  }
  CHECK_EQ(Reader(machine.open_with()).additive(), "core-0 uncore-0");
}

TEST(an_old_jetson_has_the_same_rails_by_iio) {
  Machine machine;
  const std::string device = "sys/devices/7000c400.i2c/i2c-1/1-0040/iio:device0";
  const std::string labels[] = {"VDD_IN", "VDD_SYS_GPU", "NC"};
  machine.tree.file(device + "/name", "ina3221x\n");
  for (int n = 0; n < 3; ++n) {
    const std::string number = std::to_string(n);
    machine.tree.file(device + "/rail_name_" + number, labels[n] + "\n");
    machine.tree.file(device + "/in_power" + number + "_input", std::to_string(6000 - n) + "\n");
  }
  machine.tree.link("sys/bus/iio/devices/iio:device0", device);
  machine.tree.file("sys/bus/iio/devices/iio:device1/name", "bmp280\n");
  Reader reader(machine.open_with());
  CHECK_EQ(reader.ids(), "module-1-0040 rail-vdd_sys_gpu");
  CHECK_EQ(reader.additive(), "module-1-0040");
  CHECK_EQ(reader.domain("rail-vdd_sys_gpu").parent, "module-1-0040");
  CHECK_EQ(reader.domain("module-1-0040").path, "/sys/bus/iio/devices/iio:device0/in_power0_input");
  reader.read();
  let_time_pass();
  reader.read();
  CHECK_NEAR(reader.watts("module-1-0040"), 6, 1e-9);
  CHECK_NEAR(reader.watts("rail-vdd_sys_gpu"), 5.999, 1e-9);
}

TEST(an_intel_card_is_chosen_by_its_address_in_any_form_or_not_at_all) {
  Machine machine;
  machine.chip(0, "i915", "0000:03:00.0");
  machine.set(0, "energy1_input", "5");
  const auto ids = [&](GpuWish::Kind kind, const std::string& entry) {
    Host host = check::host_of(machine.tree);
    host.gpus.kind = kind;
    if (!entry.empty()) host.gpus.list = {entry};
    return check::ids(*check::source_of(open_hwmon(host, {})));
  };
  CHECK_EQ(ids(GpuWish::Kind::visible, ""), "gpu-0000:03:00.0");
  CHECK_EQ(ids(GpuWish::Kind::all, ""), "gpu-0000:03:00.0");
  CHECK_EQ(ids(GpuWish::Kind::none, ""), "");
  for (const char* form : {"0000:03:00.0", "03:00.0", "00000000:03:00.0"}) {
    CHECK_EQ(ids(GpuWish::Kind::list, form), "gpu-0000:03:00.0");
  }
  CHECK_EQ(ids(GpuWish::Kind::list, "0000:04:00.0"), "");
}

TEST(a_variable_that_is_meant_for_nvidia_hides_no_card_of_amd) {
  Machine machine;
  machine.chip(0, "amdgpu", "0000:03:00.0");
  machine.set(0, "power1_average", "40000000");
  machine.tree.file("sys/bus/pci/devices/0000:03:00.0/vendor", "0x1002\n");
  machine.tree.file("sys/bus/pci/devices/0000:03:00.0/class", "0x030000\n");
  machine.tree.folder("sys/bus/pci/drivers/amdgpu");
  machine.tree.link("sys/bus/pci/devices/0000:03:00.0/driver", "sys/bus/pci/drivers/amdgpu");
  Host host = check::host_of(machine.tree);
  host.gpus.environment["CUDA_VISIBLE_DEVICES"] = "-1";
  CHECK_EQ(check::ids(*check::source_of(open_hwmon(host, {}))), "");  // HIP reads it too
  machine.tree.file("sys/bus/pci/devices/0000:04:00.0/vendor", "0x10de\n");
  machine.tree.file("sys/bus/pci/devices/0000:04:00.0/class", "0x030200\n");
  CHECK_EQ(check::ids(*check::source_of(open_hwmon(host, {}))), "gpu-0000:03:00.0");
}
