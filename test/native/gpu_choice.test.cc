// Which NVIDIA cards are followed: tables of what the environment says and what CUDA makes of it.
#include "choices.h"

namespace {

/// A slow card with the lowest address, a fast one, a slow one, listed in another order than the
/// bus.
std::vector<Gpu> mixed() {
  return {
      {0, "GPU-aa", "0000:b3:00.0", "T400", 1e5, {}},
      {1, "GPU-bb", "0000:17:00.0", "T400", 1e5, {}},
      {2, "GPU-cc", "0000:65:00.0", "A100", 1e7, {}},
  };
}

/// Two cards that MIG has divided, and one that it has not.
std::vector<Gpu> divided() {
  return {
      {0, "GPU-aaaa1111", "0000:17:00.0", "A100", 1e7, {}},
      {1, "GPU-bbbb2222", "0000:65:00.0", "A100", 1e7, {{"MIG-11aa", 1, 0}, {"MIG-12bb", 2, 0}}},
      {2, "GPU-cccc3333", "0000:b3:00.0", "A100", 1e7, {{"MIG-21cc", 7, 0}, {"", 7, 1}}},
  };
}

void check_nvidia(const std::vector<Gpu>& gpus, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    check_row(row.says, choose_nvidia(gpus, visible(row.environment)), row.chosen, row.warning,
              row.note);
  }
}

}  // namespace

TEST(the_table_of_what_carbontracker_gets_wrong) {
  check_nvidia(four(),
               {
                   {"unset: all", {}, {0, 1, 2, 3}, ""},
                   {"an index", cuda("1"), {1}, ""},
                   {"two indices", cuda("0,2"), {0, 2}, ""},
                   {"empty: CUDA shows none",
                    cuda(""),
                    {},
                    "CUDA_VISIBLE_DEVICES=\"\" hides every NVIDIA GPU"},
                   {"-1: CUDA shows none",
                    cuda("-1"),
                    {},
                    "CUDA_VISIBLE_DEVICES=\"-1\" hides every NVIDIA GPU"},
                   {"a UUID", cuda("GPU-e429a63e-c61c-4795-b757-5132caeb8e70"), {1}, ""},
                   {"absent: CUDA shows none, and the warning names it",
                    cuda("7"),
                    {},
                    "CUDA_VISIBLE_DEVICES names GPU 7, which does not exist: there are 0 to 3"},
               });
}

TEST(cuda_reads_indices_as_strtol_does_up_to_the_first_that_is_none) {
  check_nvidia(
      four(),
      {
          {"the order does not matter to us", cuda("2,0"), {0, 2}, ""},
          {"-1 ends the list on purpose",
           cuda("0,2,-1,1"),
           {0, 2},
           "",
           "at \"-1\" CUDA reads no further: \"1\" is left out"},
          {"an absent index ends it",
           cuda("1,5,0"),
           {1},
           "GPU 5, which does not exist: there are 0 to 3"},
          {"what is left out is named", cuda("1,5,0"), {1}, "\"0\" is left out"},
          {"a word first: none", cuda("abc"), {}, "names \"abc\", which is no GPU"},
          {"SLURM's way to say none", cuda("NoDevFiles"), {}, "hides every NVIDIA GPU"},
          {"a word ends it", cuda("0,abc,1"), {0}, "names \"abc\", which is no GPU"},
          {"a comma alone: none", cuda(","), {}, "hides every NVIDIA GPU"},
          {"a blank alone: none", cuda(" "), {}, "hides every NVIDIA GPU"},
          {"nothing between commas ends it", cuda("0,,1"), {0}, "names \"\", which is no GPU"},
          {"a comma at the end ends it too", cuda("0,1,"), {0, 1}, "names \"\""},
          {"a range is its first number", cuda("0-2"), {0}, ""},
          {"blanks around numbers", cuda(" 1 , 0 "), {0, 1}, ""},
          {"letters after digits", cuda("1gpu2,2ampere"), {1, 2}, ""},
          {"hexadecimal is 0 and letters", cuda("0x1"), {0}, ""},
          {"a leading zero is no octal", cuda("03"), {3}, ""},
          {"signs", cuda("2,+3,-0"), {0, 2, 3}, ""},
          {"too large for any number",
           cuda("99999999999999999999"),
           {},
           "GPU 99999999999999999999, which does not exist"},
          {"too large in the other direction",
           cuda("1,-99999999999999999999,2"),
           {1},
           "",
           "reads no further"},
          {"a separator that is none", cuda("1;2"), {1}, ""},
      });
}

TEST(cuda_reads_uuids_and_prefixes_that_fit_one_card) {
  const std::string first = "GPU-9942190a-aa31-4ff1-4aa9-c388d80f85f1";
  check_nvidia(
      four(),
      {
          {"two UUIDs", cuda(first + ",GPU-1c20e77d-1c1a-d9ed-fe37-18b8466a78ad"), {0, 3}, ""},
          {"a prefix", cuda("GPU-e42"), {1}, ""},
          {"the shortest prefix", cuda("GPU-1"), {3}, ""},
          {"an ambiguous prefix ends it",
           cuda("GPU-1,GPU-e4,GPU-9"),
           {3},
           "names \"GPU-e4\", which fits more than one GPU's UUID"},
          {"an unknown one ends it",
           cuda("GPU-1,GPU-123,GPU-9"),
           {3},
           "names \"GPU-123\", which is no GPU's UUID"},
          {"no digits at all", cuda("GPU-"), {}, "hides every NVIDIA GPU"},
          {"more than a UUID", cuda(first + "0"), {}, "is no GPU's UUID"},
          {"digits in upper case", cuda("GPU-9942190A"), {0}, ""},
          {"blanks around UUIDs", cuda(" GPU-1 , GPU-99 "), {0, 3}, ""},
          {"a UUID without GPU- is the number it starts with", cuda("1c20e77d"), {1}, ""},
          {"the prefix itself in lower case is a word",
           cuda("gpu-1c20e77d"),
           {},
           "names \"gpu-1c20e77d\", which is no GPU"},
          {"an index after a UUID ends it",
           cuda("GPU-1,2"),
           {3},
           "names GPU 2, which is of another kind than the first"},
          {"a UUID after an index ends it", cuda("2,GPU-1"), {2}, "of another kind than the first"},
      });
}

TEST(a_device_named_twice_is_followed_once_with_a_warning) {
  const std::string twice = "accepts no list which names a device twice";
  check_nvidia(four(), {
                           {"twice the index", cuda("1,1"), {1}, twice},
                           {"later in the list", cuda("0,1,2,1,3"), {0, 1, 2, 3}, twice},
                           {"in two spellings", cuda("1,01"), {1}, twice},
                           {"a UUID and its prefix", cuda("GPU-9942,GPU-1,GPU-9"), {0, 3}, twice},
                           {"after the end it is not read", cuda("1,-1,1"), {1}, "", "no further"},
                       });
  CHECK_EQ(choose_nvidia(four(), visible(cuda("1,1,1,1"))).warnings.size(), size_t{1});
}

TEST(cuda_counts_the_fastest_card_first) {
  const Environment bus = {{"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}};
  const auto in_order = [&](const std::string& order, const std::string& value) {
    return Environment{{"CUDA_DEVICE_ORDER", order}, {"CUDA_VISIBLE_DEVICES", value}};
  };
  check_nvidia(
      mixed(),
      {
          {"0 is the fastest", cuda("0"), {2}, "0 was taken for GPU 2 (A100, 0000:65:00.0)"},
          {"1 has the lowest address",
           cuda("1"),
           {1},
           "1 was taken for GPU 1 (T400, 0000:17:00.0)"},
          {"2 has the highest", cuda("2"), {0}, "2 was taken for GPU 0"},
          {"said for each",
           cuda("0,1"),
           {1, 2},
           "for GPU 2 (A100, 0000:65:00.0) and 1 was taken for"},
          {"and what mends it", cuda("0"), {2}, "CUDA_DEVICE_ORDER=PCI_BUS_ID"},
          {"by name", in_order("FASTEST_FIRST", "0"), {2}, "fastest GPU first"},
          {"any other word", in_order("pci_bus_id", "0"), {2}, "fastest GPU first"},
          {"by address, as asked", in_order("PCI_BUS_ID", "0"), {1}, ""},
          {"by address, as asked", in_order("PCI_BUS_ID", "1,2"), {0, 2}, ""},
          {"a UUID has no order", cuda("GPU-aa"), {0}, ""},
          {"nor have all of them", cuda("0,1,2"), {0, 1, 2}, ""},
          {"nor has an unset variable", bus, {0, 1, 2}, ""},
      });
  std::vector<Gpu> unknown = mixed();
  for (Gpu& gpu : unknown) gpu.speed = 0;
  check_nvidia(unknown, {{"speeds not known: by address", cuda("0"), {1}, "is not known"}});
  std::vector<Gpu> equal = four();
  equal[0].pci = "0000:ff:00.0";
  check_nvidia(equal, {{"equal cards: by address", cuda("0"), {1}, ""}});
  std::vector<Gpu> domains = four();
  domains[3].pci = "00000000:02:00.0";  // as NVML writes it
  domains[0].pci = "10000:01:00.0";
  check_nvidia(domains, {{"the domain comes first", cuda("0"), {3}, ""},
                         {"the domain comes first", cuda("3"), {0}, ""}});
  std::vector<Gpu> nowhere = four();
  for (Gpu& gpu : nowhere) gpu.pci = "";
  check_nvidia(nowhere, {{"no addresses: the driver's order", cuda("2"), {2}, ""}});
}

TEST(a_mig_instance_stands_for_its_card) {
  const std::string part = "GPU 1 (A100, 0000:65:00.0): the joules are the whole card's, of which ";
  const std::string alone = "CUDA shows one MIG instance and no GPU beside it";
  check_nvidia(
      divided(),
      {
          {"by its UUID", cuda("MIG-12bb"), {1}, part + "MIG-12bb is a part."},
          {"by a prefix", cuda("MIG-12"), {1}, part + "MIG-12bb is a part."},
          {"digits in upper case", cuda("MIG-12BB"), {1}, part + "MIG-12bb is a part."},
          {"in the old form", cuda("MIG-GPU-bbbb2222/2/0"), {1}, part + "MIG-12bb is a part."},
          {"in the old form, shortened", cuda("MIG-GPU-b/1/0"), {1}, part + "MIG-11aa is a part."},
          {"one that has no UUID",
           cuda("MIG-GPU-cccc3333/7/1"),
           {2},
           "MIG-GPU-cccc3333/7/1 is a part."},
          {"an instance that is not there",
           cuda("MIG-GPU-bbbb2222/9/0"),
           {},
           "is no MIG instance's id"},
          {"a card that is not there", cuda("MIG-GPU-ffff/1/0"), {}, "is no GPU's UUID"},
          {"the old form, torn", cuda("MIG-GPU-bbbb2222/1"), {}, "is no MIG instance's id"},
          {"the old form, torn", cuda("MIG-GPU-bbbb2222"), {}, "is no MIG instance's id"},
          {"an ambiguous prefix", cuda("MIG-1"), {}, "fits more than one MIG instance's id"},
          {"an unknown one", cuda("MIG-99"), {}, "is no MIG instance's id"},
          {"an index of a divided card is its first instance",
           cuda("1"),
           {1},
           part + "MIG-11aa is a part."},
          {"and so is its UUID", cuda("GPU-bbbb"), {1}, part + "MIG-11aa is a part."},
          {"an undivided card beside none", cuda("0"), {0}, ""},
          {"two instances: CUDA shows the first", cuda("MIG-12bb,MIG-21cc"), {1}, alone},
          {"a card before an instance: CUDA shows the instance",
           cuda("0,2"),
           {2},
           alone + ", here MIG-21cc: GPU 0 (A100, 0000:17:00.0) is left out."},
          {"unset: CUDA shows the first instance only",
           {},
           {1},
           "GPU 0 (A100, 0000:17:00.0) and GPU 2"},
      });
  CHECK_EQ(choose_nvidia(divided(), visible(cuda("MIG-11aa,MIG-12bb"))).warnings.size(), size_t{1});
}

TEST(a_container_names_the_cards_of_its_host) {
  const auto given = [](const std::string& value) {
    return Environment{{"NVIDIA_VISIBLE_DEVICES", value}};
  };
  const auto both = [](const std::string& value, const std::string& cuda_value) {
    return Environment{{"NVIDIA_VISIBLE_DEVICES", value}, {"CUDA_VISIBLE_DEVICES", cuda_value}};
  };
  check_nvidia(
      four(),
      {
          {"all", given("all"), {0, 1, 2, 3}, ""},
          {"void restricts nothing", given("void"), {0, 1, 2, 3}, ""},
          {"nor does an empty string", given(""), {0, 1, 2, 3}, ""},
          {"none", given("none"), {}, "NVIDIA_VISIBLE_DEVICES=\"none\" hides every NVIDIA GPU"},
          {"indices", given("1, 3"), {1, 3}, ""},
          {"a UUID's prefix", given("GPU-9942190a"), {0}, ""},
          {"an absent one: warned of, the rest is taken",
           given("9,1"),
           {1},
           "NVIDIA_VISIBLE_DEVICES names GPU 9, which does not exist: there are 0 to 3."},
          {"a word", given("abc"), {}, "hides every NVIDIA GPU"},
          {"as many as there are: it has been applied", given("4,5,6,7"), {0, 1, 2, 3}, ""},
          {"one of them twice is not as many", given("1,1,1,1"), {1}, ""},
          {"CUDA counts what is left", both("2,3", "1"), {3}, ""},
          {"and no more", both("2,3", "2"), {}, "GPU 2, which does not exist: there are 0 to 1"},
          {"all, and CUDA's", both("all", "2"), {2}, ""},
          {"UUIDs twice over", both("GPU-1,GPU-9", "GPU-1"), {3}, ""},
          {"a UUID that is not left", both("GPU-1,GPU-9", "GPU-e42"), {}, "is no GPU's UUID"},
      });
  const std::vector<Gpu> one = {four()[2]};
  check_nvidia(one, {{"the host's 5 is here the only one", given("5"), {0}, ""},
                     {"and CUDA's 0", both("5", "0"), {0}, ""},
                     {"by the UUID that it has", given("GPU-e4e1"), {0}, ""}});
  check_nvidia(one,
               {{"no digits are no prefix, even of the only card", cuda("GPU-"), {}, "hides"}});
  const std::vector<Gpu> two = {four()[0], four()[1]};
  check_nvidia(two, {{"UUIDs are never numbered anew",
                      given("GPU-99,GPU-77"),
                      {0},
                      "names \"GPU-77\", which is no GPU's UUID."}});
  check_nvidia(
      divided(),
      {
          {"an instance by its number", given("1:1"), {1}, "of which MIG-12bb is a part."},
          {"an instance by its UUID", given("MIG-21cc"), {2}, "of which MIG-21cc is a part."},
          {"two instances of one card are one card", given("1:0,1:1"), {1}, "MIG-11aa is a part."},
          {"a card and an instance of it are the card", given("1,1:1"), {1}, "MIG-11aa is a part."},
          {"CUDA's 0 is what is left", both("0:0,1:1", "0"), {1}, "MIG-12bb is a part."},
          {"an instance that is not there",
           given("1:5,0"),
           {0},
           "\"1:5\", which is no MIG instance."},
      });
}

TEST(slurm_speaks_where_cuda_visible_devices_does_not) {
  check_nvidia(
      four(),
      {
          {"the job's", {{"SLURM_JOB_GPUS", "1,3"}}, {1, 3}, ""},
          {"the step's before the job's",
           {{"SLURM_JOB_GPUS", "1,3"}, {"SLURM_STEP_GPUS", "3"}},
           {3},
           ""},
          {"CUDA's before both",
           {{"SLURM_STEP_GPUS", "3"}, {"CUDA_VISIBLE_DEVICES", "0"}},
           {0},
           ""},
          {"CUDA's empty string too",
           {{"SLURM_STEP_GPUS", "3"}, {"CUDA_VISIBLE_DEVICES", ""}},
           {},
           "CUDA_VISIBLE_DEVICES=\"\" hides"},
          {"an empty string says nothing",
           {{"SLURM_STEP_GPUS", ""}, {"SLURM_JOB_GPUS", "2"}},
           {2},
           ""},
          {"an absent one", {{"SLURM_JOB_GPUS", "2,8"}}, {2}, "SLURM_JOB_GPUS names GPU 8"},
          {"nothing that is there", {{"SLURM_JOB_GPUS", "8"}}, {}, "SLURM_JOB_GPUS=\"8\" hides"},
      });
  const std::vector<Gpu> two = {four()[0], four()[1]};
  check_nvidia(
      two,
      {{"the cgroup leaves two of the host's eight", {{"SLURM_JOB_GPUS", "6,7"}}, {0, 1}, ""}});
}

TEST(a_list_of_ours_counts_as_the_driver_does) {
  struct Item {
    const char* says;
    std::vector<std::string> list;
    Positions chosen;
    std::string warning;
  };
  const std::vector<Item> items = {
      {"indices", {"3", " 0 "}, {0, 3}, ""},
      {"one twice is no fault", {"3", "GPU-1", "3"}, {3}, ""},
      {"the unknown is warned of, the rest is taken",
       {"7", "1"},
       {1},
       "GPU 7 does not exist: there are 0 to 3."},
      {"an ambiguous prefix", {"GPU-e4", "0"}, {0}, "\"GPU-e4\" fits more than one GPU's UUID."},
      {"an address", {"0000:65:00.0"}, {1}, ""},
      {"an address in short, in upper case", {"B3:00.0"}, {2}, ""},
      {"an address as NVML writes it", {"00000000:CA:00.0"}, {3}, ""},
      {"an address where nothing is",
       {"0000:66:00.0", "0"},
       {0},
       "\"0000:66:00.0\" is no GPU's address."},
      {"no number", {"1gpu", "0"}, {0}, "\"1gpu\" is no GPU."},
      {"a negative number", {"-1", "0"}, {0}, "\"-1\" is no GPU."},
      {"nothing that is there",
       {"9"},
       {},
       "The list of GPUs names no NVIDIA GPU: none is followed."},
      {"an empty list", {}, {}, "names no NVIDIA GPU"},
  };
  for (const Item& item : items) {
    check_row(item.says, choose_nvidia(four(), listed(item.list)), item.chosen, item.warning);
  }
  GpuWish wish = listed({"2"});
  wish.environment = {{"CUDA_VISIBLE_DEVICES", "0"}, {"NVIDIA_VISIBLE_DEVICES", "none"}};
  check_row("the environment has no say", choose_nvidia(four(), wish), {2}, "");
  check_row("the driver's numbers, not CUDA's", choose_nvidia(mixed(), listed({"0"})), {0}, "");
  check_row("MIG ids", choose_nvidia(divided(), listed({"MIG-11aa", "MIG-12bb", "0"})), {0, 1},
            "of which MIG-11aa and MIG-12bb are parts.");
  check_row("a divided card as a whole", choose_nvidia(divided(), listed({"1"})), {1}, "");
  check_row("an AMD card", choose_amd(radeons(), listed({"GPU-dead", "0"})), {0, 3}, "");
}

TEST(an_entry_that_names_a_card_of_another_make_is_no_mistake) {
  GpuWish wish = listed({"GPU-deadbeef", "GPU-9942"});
  wish.others = radeons();
  check_row("NVIDIA's", choose_nvidia(four(), wish), {0}, "");
  wish.others = four();
  check_row("AMD's", choose_amd(radeons(), wish), {3}, "");
  wish.list.push_back("GPU-77");
  check_row("nobody's", choose_amd(radeons(), wish), {3}, "\"GPU-77\" is no GPU's UUID.");
}

TEST(all_and_none_ask_nobody) {
  GpuWish wish = visible({{"CUDA_VISIBLE_DEVICES", ""}, {"ROCR_VISIBLE_DEVICES", ""}});
  wish.kind = GpuWish::Kind::all;
  check_row("all", choose_nvidia(divided(), wish), {0, 1, 2}, "");
  check_row("all", choose_amd(radeons(), wish), {0, 1, 2, 3}, "");
  wish.kind = GpuWish::Kind::none;
  check_row("none", choose_nvidia(four(), wish), {}, "");
  check_row("none", choose_amd(radeons(), wish), {}, "");
}

TEST(without_cards_there_is_nothing_to_say) {
  for (const auto kind : {GpuWish::Kind::visible, GpuWish::Kind::all, GpuWish::Kind::list}) {
    GpuWish wish = listed({"0"});
    wish.kind = kind;
    wish.environment = {{"CUDA_VISIBLE_DEVICES", "7"}, {"NVIDIA_VISIBLE_DEVICES", "none"}};
    check_row("no card", choose_nvidia({}, wish), {}, "");
    check_row("no card", choose_amd({}, wish), {}, "");
  }
}

TEST(every_variable_that_is_looked_at_is_named) {
  for (const char* name :
       {"NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_STEP_GPUS",
        "SLURM_JOB_GPUS", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"}) {
    CHECK(anywhere(jouletap::gpu_variables(), name));
  }
}
