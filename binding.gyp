# Ships the addon; CMakeLists.txt develops the core. A test holds their sources together.
{
  "variables": { "sanitize%": "" },
  "targets": [{
    "target_name": "jouletap",
    "sources": [
      "native/addon.cc",
      "native/anchored.cc",
      "native/counter.cc",
      "native/cross_check.cc",
      "native/edges.cc",
      "native/edges_search.cc",
      "native/files.cc",
      "native/gate.cc",
      "native/gpu_choice.cc",
      "native/gpu_entry.cc",
      "native/hunt.cc",
      "native/integral.cc",
      "native/process_tree.cc",
      "native/readers.cc",
      "native/sampler.cc",
      "native/shares.cc",
      "native/source.cc",
      "native/topology.cc",
      "native/watch.cc"
    ],
    "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except_all"],
    "defines": [
      "NAPI_VERSION=8",
      "NODE_ADDON_API_DISABLE_DEPRECATED",
      "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED",
      # Else a call that a dying worker makes ends the whole process.
      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
    ],
    "cflags_cc!": ["-std=gnu++14", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-fvisibility=hidden"],
    "ldflags": ["-Wl,--exclude-libs,ALL", "-Wl,-Bsymbolic"],
    "conditions": [
      ["OS=='linux'", {
        "sources": [
          "native/channel.cc",
          "native/floor.cc",
          "native/instructions.cc",
          "native/sources/amdgpu.cc",
          "native/sources/hwmon.cc",
          "native/sources/hwmon_chips.cc",
          "native/sources/hwmon_gpus.cc",
          "native/sources/hwmon_sensor.cc",
          "native/sources/nvml.cc",
          "native/sources/nvml_card.cc",
          "native/sources/nvml_cards.cc",
          "native/sources/nvml_library.cc",
          "native/sources/nvml_processes.cc",
          "native/sources/nvml_readings.cc",
          "native/sources/nvml_users.cc",
          "native/sources/rapl.cc",
          "native/sources/rapl_msr.cc",
          "native/sources/rapl_perf.cc",
          "native/sources/rapl_powercap.cc"
        ],
        "libraries": ["-ldl"]
      }],
      ["OS=='mac'", {
        "xcode_settings": {
          "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
          "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
          "MACOSX_DEPLOYMENT_TARGET": "12.0",
          "WARNING_CFLAGS": ["-Wall", "-Wextra"]
        }
      }],
      ["OS=='win'", {
        "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/std:c++17"] } }
      }],
      ["sanitize!=''", {
        "cflags_cc": ["-fsanitize=<(sanitize)", "-g"],
        "ldflags": ["-fsanitize=<(sanitize)"]
      }]
    ]
  }]
}
