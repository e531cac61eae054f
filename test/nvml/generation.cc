// Which driver the stub plays; the rest of it is compiled once for all.
#include "stub.h"

#ifndef NVML_STUB_GENERATION
#error "define NVML_STUB_GENERATION as 45000, 53543, 53598 or 57000"
#endif

const unsigned nvml_stub::kGeneration = NVML_STUB_GENERATION;
