// Which AMD cards are followed: tables of what the environment says and what ROCr and HIP make of
// it.
#include "choices.h"

namespace {

Environment rocr(const std::string& value) { return {{"ROCR_VISIBLE_DEVICES", value}}; }
Environment hip(const std::string& value) { return {{"HIP_VISIBLE_DEVICES", value}}; }

void check_amd(const std::vector<Gpu>& gpus, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    check_row(row.says, choose_amd(gpus, visible(row.environment)), row.chosen, row.warning,
              row.note);
  }
}

}  // namespace

TEST(rocr_reads_up_to_the_first_entry_that_is_none) {
  check_amd(radeons(),
            {
                {"unset: all", {}, {0, 1, 2, 3}, ""},
                {"empty: none", rocr(""), {}, "ROCR_VISIBLE_DEVICES=\"\" hides every AMD GPU"},
                {"indices", rocr("3,0"), {0, 3}, ""},
                {"blanks", rocr(" 3 , 0 "), {0, 3}, ""},
                {"as in C", rocr("0x1,02"), {1, 2}, ""},
                {"a UUID in any case", rocr("0,GPU-DEADBEEFDEADBEEF"), {0, 3}, ""},
                {"a prefix in lower case", rocr("gpu-dead"), {3}, ""},
                {"an ambiguous prefix ends it", rocr("3,GPU-a1b2,0"), {3}, "fits more than one"},
                {"letters after digits end it", rocr("3,1gpu,0"), {3}, "\"1gpu\", which is no GPU"},
                {"-1 ends it", rocr("1,-1,0"), {1}, "", "at \"-1\" ROCr reads no further"},
                {"an absent index ends it",
                 rocr("1,4,0"),
                 {1},
                 "there are 0 to 3. ROCr reads no further"},
                {"a repeated one ends it", rocr("1,1,0"), {1}, "GPU 1, which it has named before"},
                {"a comma at the end is nothing", rocr("1,"), {1}, ""},
                {"a card without a UUID", rocr("GPU-0"), {}, "is no GPU's UUID"},
            });
}

TEST(hip_counts_what_rocr_has_left) {
  check_amd(radeons(),
            {
                {"indices", hip("3,0"), {0, 3}, ""},
                {"of ROCr's, in its order",
                 {{"ROCR_VISIBLE_DEVICES", "3,1"}, {"HIP_VISIBLE_DEVICES", "0"}},
                 {3},
                 ""},
                {"and no more than those",
                 {{"ROCR_VISIBLE_DEVICES", "3,1"}, {"HIP_VISIBLE_DEVICES", "2"}},
                 {},
                 "HIP_VISIBLE_DEVICES names GPU 2, which does not exist: there are 0 to 1"},
                {"nothing of nothing",
                 {{"ROCR_VISIBLE_DEVICES", ""}, {"HIP_VISIBLE_DEVICES", "0"}},
                 {},
                 "ROCR_VISIBLE_DEVICES=\"\" hides"},
                {"CUDA's name serves HIP", cuda("2"), {2}, ""},
                {"after HIP's own",
                 {{"HIP_VISIBLE_DEVICES", "1"}, {"CUDA_VISIBLE_DEVICES", "2"}},
                 {1},
                 ""},
                {"an empty string is as good as unset", hip(""), {0, 1, 2, 3}, ""},
                {"CUDA's too", cuda(""), {0, 1, 2, 3}, ""},
                {"then the next speaks",
                 {{"HIP_VISIBLE_DEVICES", ""}, {"CUDA_VISIBLE_DEVICES", "2"}},
                 {2},
                 ""},
                {"the last to be asked", {{"GPU_DEVICE_ORDINAL", "1,2"}}, {1, 2}, ""},
                {"-1: none", hip("-1"), {}, "HIP_VISIBLE_DEVICES=\"-1\" hides every AMD GPU"},
                {"a repeated one counts once", hip("1,1,0"), {0, 1}, ""},
                {"a blank is no part of a number", hip("1, 0"), {1}, "HIP reads no further"},
                {"nor is a zero before it", hip("1,00"), {1}, "HIP reads no further"},
                {"nor are letters after it", hip("1gpu2"), {}, "hides every AMD GPU"},
                {"a UUID", hip("GPU-deadbeefdeadbeef,0"), {0, 3}, ""},
                {"the first card that it fits", hip("GPU-a1b2"), {0}, ""},
                {"an unknown UUID ends it", hip("1,GPU-77,0"), {1}, "is no GPU's UUID"},
                {"a comma at the end is nothing", hip("1,"), {1}, ""},
                {"SLURM and the container runtime of others say nothing",
                 {{"SLURM_JOB_GPUS", "1"},
                  {"NVIDIA_VISIBLE_DEVICES", "none"},
                  {"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}},
                 {0, 1, 2, 3},
                 ""},
            });
}
