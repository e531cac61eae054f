// Which graphics cards are followed: what an option and the environment name, read as the drivers
// read it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace jouletap {

/// One part of a card that MIG has divided.
struct MigInstance {
  std::string uuid;  // "MIG-…"; empty if the driver is too old to give one
  int gpu_instance = -1;
  int compute_instance = -1;
};

/// One graphics card as its driver lists it.
struct Gpu {
  int index = -1;    // the driver's: nvidia-smi's, rocm-smi's
  std::string uuid;  // NVIDIA: "GPU-2f7a…"; AMD: "GPU-" and the 16 digits of unique_id; or empty
  std::string pci;   // "0000:65:00.0"; a longer domain is understood too
  std::string name;
  double speed = 0;               // cores × MHz, or 0: unknown
  std::vector<MigInstance> migs;  // as the driver lists them; empty: not divided
};

struct GpuWish {
  enum class Kind { visible, all, none, list };
  Kind kind = Kind::visible;
  /// Indices of the driver (each make counts its own), UUIDs or unique prefixes of them, MIG ids,
  /// PCI addresses.
  std::vector<std::string> list;
  /// Of gpu_variables(), those that are set. An empty string is set.
  std::map<std::string, std::string> environment;
  /// Cards of the other makes: an entry of the list that names one of these is no mistake.
  std::vector<Gpu> others;
};

struct GpuChoice {
  std::vector<size_t> chosen;         // positions in the list of cards, ascending, each once
  std::vector<std::string> warnings;  // sentences that belong beside the number
  std::vector<std::string> notes;
};

/// The environment variables that a choice looks at.
const std::vector<std::string>& gpu_variables();

/// The NVIDIA cards that are followed; `visible` means those that CUDA would show to this process:
///
/// 1. NVIDIA_VISIBLE_DEVICES says what a container was given. Its indices are the host's: where the
///    driver lists no more cards than it names, it has been applied already. `all`, `void` and an
///    empty string leave everything; `none` leaves nothing.
/// 2. CUDA_VISIBLE_DEVICES counts what is left, in the order of CUDA_DEVICE_ORDER: by PCI address
///    (PCI_BUS_ID), or the fastest first and the rest by PCI address (everything else). Entries are
///    indices, read as strtol does, or UUIDs and MIG ids or unique prefixes of them; the first
///    entry says which. The list ends at the first entry that names nothing. A device that is named
///    twice is taken once, with a warning: CUDA itself then shows none.
/// 3. Where CUDA_VISIBLE_DEVICES is not set: SLURM_STEP_GPUS, or else SLURM_JOB_GPUS, with the
///    host's indices as in 1.
/// 4. CUDA shows one MIG instance at most, and no card beside it. Its energy is known only with the
///    card's, and a warning says so.
///
/// `list` is ours, not CUDA's: what is unknown is warned of, and the rest is taken. Digits of UUIDs
/// compare without regard to case everywhere: nobody documents what CUDA does, and a card too many
/// is seen while one too few is not. After the CUDA programming guide ("CUDA environment
/// variables"), the MIG user guide ("CUDA device enumeration"), the documentation of the NVIDIA
/// container toolkit, and the tests of PyTorch (test_cuda_nvml_based_avail.py).
GpuChoice choose_nvidia(const std::vector<Gpu>& gpus, const GpuWish& wish);

/// The AMD cards that are followed; `visible` means those that HIP would show to this process:
///
/// 1. ROCR_VISIBLE_DEVICES, if set: indices (decimal, octal or hexadecimal, as in C) or UUIDs, or
///    unique prefixes of them, in any case. The list ends at the first entry that names nothing and
///    at a repeated one; an empty string leaves nothing.
/// 2. HIP_VISIBLE_DEVICES counts what is left, in that order; else CUDA_VISIBLE_DEVICES, else
///    GPU_DEVICE_ORDINAL. Here an empty string is as good as unset, an index is decimal without
///    blanks, any part of a UUID will do, and a repeated entry counts once.
///
/// After the page "GPU isolation techniques" of ROCm and what ROCr and the HIP runtime do.
GpuChoice choose_amd(const std::vector<Gpu>& gpus, const GpuWish& wish);

}  // namespace jouletap
