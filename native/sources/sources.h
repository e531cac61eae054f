// The opening functions of all sources; what each needs and gives is in README.md.
#pragma once

#include <vector>

#include "../source.h"

namespace jouletap {

Opened open_rapl_perf(const Host& host, const std::vector<Domain>& taken);
Opened open_rapl_perf_core(const Host& host, const std::vector<Domain>& taken);
Opened open_rapl_powercap(const Host& host, const std::vector<Domain>& taken);
Opened open_rapl_msr(const Host& host, const std::vector<Domain>& taken);
Opened open_nvml(const Host& host, const std::vector<Domain>& taken);
Opened open_hwmon(const Host& host, const std::vector<Domain>& taken);

}  // namespace jouletap
