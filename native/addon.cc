// The addon: hands the core to JavaScript. The only file that knows Node; lib/native.ts documents
// what it offers.
#include <napi.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "names.h"
#include "sampler.h"
#include "source.h"

#ifdef __linux__
#include <sys/auxv.h>

#include "channel.h"
#include "floor.h"
#include "instructions.h"
#endif

namespace {

using jouletap::Domain;
using jouletap::GpuWish;
using jouletap::Host;
using jouletap::Refusal;
using jouletap::Source;

// Milliseconds or rows: what fits int64_t in nanoseconds, and memory.
constexpr double kMost = 1e9;

Napi::Value to_js(Napi::Env env, const jouletap::Device& device) {
  auto object = Napi::Object::New(env);
  const std::pair<const char*, const std::string*> texts[] = {{"name", &device.name},
                                                              {"uuid", &device.uuid},
                                                              {"pci", &device.pci},
                                                              {"driver", &device.driver}};
  for (const auto& [key, text] : texts) {
    if (!text->empty()) object[key] = *text;
  }
  if (device.index >= 0) object["index"] = device.index;
  return object;
}

Napi::Value to_js(Napi::Env env, const Domain& domain) {
  auto object = Napi::Object::New(env);
  object["id"] = domain.id;
  object["kind"] = domain.kind;
  object["source"] = domain.source;
  object["path"] = domain.path;
  object["device"] = to_js(env, domain.device);
  object["parent"] = domain.parent;
  object["role"] = name_of(domain.role);
  object["additive"] = Napi::Boolean::New(env, domain.additive);
  object["method"] = name_of(domain.method);
  object["mayRest"] = Napi::Boolean::New(env, domain.may_rest);
  object["modelled"] = Napi::Boolean::New(env, domain.modelled);
  object["call"] = domain.call;
  object["unitJoules"] = domain.unit;
  object["updateSeconds"] = domain.update_s;
  object["wrapJoules"] = domain.wrap_joules;
  object["maxWatts"] = domain.max_watts;
  object["gain"] = domain.gain;
  return object;
}

Napi::Value to_js(Napi::Env env, const jouletap::Share& share) {
  auto object = Napi::Object::New(env);
  object["pid"] = share.pid;
  object["joules"] = share.joules;
  object["smSeconds"] = share.sm_seconds;
  return object;
}

Napi::Value to_js(Napi::Env env, const jouletap::DeviceShares& device);

Napi::Value to_js(Napi::Env env, const std::string& text) { return Napi::String::New(env, text); }

Napi::Object to_js(Napi::Env env, const std::pair<std::string, Refusal>& refused) {
  auto object = Napi::Object::New(env);
  object["name"] = refused.first;
  object["kind"] = name_of(refused.second.kind);
  object["reason"] = refused.second.reason;
  object["fix"] = refused.second.fix;
  return object;
}

template <typename T>
Napi::Value to_js(Napi::Env env, const std::vector<T>& items) {
  auto array = Napi::Array::New(env, items.size());
  for (size_t i = 0; i < items.size(); ++i) array[static_cast<uint32_t>(i)] = to_js(env, items[i]);
  return array;
}

Napi::Value to_js(Napi::Env env, const jouletap::DeviceShares& device) {
  auto object = Napi::Object::New(env);
  object["id"] = device.id;
  object["joules"] = device.joules;
  object["idleJoules"] = device.idle_joules;
  object["unattributedJoules"] = device.unattributed_joules;
  if (!std::isnan(device.idle_watts)) object["idleWatts"] = device.idle_watts;
  object["processes"] = to_js(env, device.processes);
  return object;
}

std::string text_in(const Napi::Object& object, const char* key) {
  return Napi::Value(object[key]).As<Napi::String>().Utf8Value();
}

double number_in(const Napi::Object& object, const char* key) {
  return Napi::Value(object[key]).As<Napi::Number>().DoubleValue();
}

template <typename Make>
auto each(const Napi::Array& array, Make make) {
  std::vector<decltype(make(Napi::Value()))> made;
  for (uint32_t i = 0; i < array.Length(); ++i) made.push_back(make(Napi::Value(array[i])));
  return made;
}

std::vector<std::string> strings(const Napi::Array& array) {
  return each(array, [](Napi::Value text) { return text.As<Napi::String>().Utf8Value(); });
}

/// { kind, list, environment }
GpuWish wish_in(const Napi::Object& from) {
  GpuWish wish;
  const std::string kind = text_in(from, "kind");
  wish.kind = kind == "all"    ? GpuWish::Kind::all
              : kind == "none" ? GpuWish::Kind::none
              : kind == "list" ? GpuWish::Kind::list
                               : GpuWish::Kind::visible;
  wish.list = strings(Napi::Value(from["list"]).As<Napi::Array>());
  const auto environment = Napi::Value(from["environment"]).As<Napi::Object>();
  for (const std::string& name : jouletap::gpu_variables()) {
    if (environment.Has(name)) wish.environment[name] = text_in(environment, name.c_str());
  }
  return wish;
}

/// { root, nvml, gpus, pids, shares }
Host host_in(const Napi::Value& value) {
  const auto from = value.As<Napi::Object>();
  const std::filesystem::path root = text_in(from, "root");
  Host host{root, jouletap::read_topology(root),
            wish_in(Napi::Value(from["gpus"]).As<Napi::Object>()), text_in(from, "nvml")};
  host.pids = each(Napi::Value(from["pids"]).As<Napi::Array>(),
                   [](Napi::Value pid) { return pid.As<Napi::Number>().Int32Value(); });
  host.shares = Napi::Value(from["shares"]).As<Napi::Boolean>().Value();
  return host;
}

Napi::Value probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Host host = host_in(info[0]);
  auto found = Napi::Array::New(env);
  for (const auto& entry : jouletap::all_sources()) {
    auto opened = entry.open(host, {});
    auto object = Napi::Object::New(env);
    if (const auto* refusal = std::get_if<Refusal>(&opened)) {
      object = to_js(env, std::pair<std::string, Refusal>(entry.name, *refusal));
    } else {
      const auto& source = std::get<std::unique_ptr<Source>>(opened);
      auto domains = source->domains();
      jouletap::choose_additive(domains);
      object["name"] = entry.name;
      object["domains"] = to_js(env, domains);
      object["notes"] = to_js(env, source->notes());
    }
    object["automatic"] = Napi::Boolean::New(env, entry.automatic);
    found[found.Length()] = object;
  }
  return found;
}

/// The doubles of a Float64Array: As<>() does not check, and the buffer may have been detached or
/// resized since the last call.
std::pair<double*, size_t> doubles(const Napi::Value& value) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array) {
    auto array = value.As<Napi::Float64Array>();
    return {array.Data(), array.ElementLength()};
  }
  throw Napi::TypeError::New(value.Env(), "into must be a Float64Array");
}

/// What may be opened of a host while its sampler runs.
jouletap::Reserve reserve_of(const Host& host, const std::vector<std::string>& names) {
  using Domains = std::vector<Domain>;
  jouletap::Reserve reserve;
  reserve.anew = [host, names](const Domains& lost, const Domains& taken) {
    Host now = host;
    now.topology = jouletap::read_topology(host.root);  // CPUs may have gone off line
    return jouletap::open_anew(now, names, lost, taken);
  };
  if (names.empty()) {
    reserve.twins = [host](const Domains& read) { return jouletap::open_twins(host, read); };
  }
  return reserve;
}

class Sampler : public Napi::ObjectWrap<Sampler> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Sampler",
                       {
                           InstanceAccessor<&Sampler::domains>("domains"),
                           InstanceAccessor<&Sampler::notes>("notes"),
                           InstanceAccessor<&Sampler::warnings>("warnings"),
                           InstanceAccessor<&Sampler::refusals>("refusals"),
                           InstanceAccessor<&Sampler::findings>("findings"),
                           InstanceAccessor<&Sampler::changes>("changes"),
                           InstanceMethod<&Sampler::start>("start"),
                           InstanceMethod<&Sampler::stop>("stop"),
                           InstanceMethod<&Sampler::record>("record"),
                           InstanceMethod<&Sampler::sample>("sample"),
                           InstanceMethod<&Sampler::begin>("begin"),
                           InstanceMethod<&Sampler::end>("end"),
                           InstanceMethod<&Sampler::read_now>("readNow"),
                           InstanceMethod<&Sampler::read>("read"),
                           InstanceMethod<&Sampler::overhead>("overhead"),
                           InstanceMethod<&Sampler::shares>("shares"),
                       });
  }

  /// (sources: string[], { intervalMs, capacity, maxOverhead, aligned }, host: see host_in)
  explicit Sampler(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Sampler>(info) {
    const auto names = strings(info[0].As<Napi::Array>());
    const auto wanted = info[1].As<Napi::Object>();
    const double interval_ms = number_in(wanted, "intervalMs");
    const double capacity = number_in(wanted, "capacity");
    const double max_overhead = number_in(wanted, "maxOverhead");
    if (!(interval_ms > 0 && interval_ms <= kMost) || !(capacity >= 1 && capacity <= kMost) ||
        !(max_overhead >= 0)) {
      throw Napi::RangeError::New(
          info.Env(),
          "intervalMs must be above 0, capacity at least 1, both at most 1e9, and maxOverhead at "
          "least 0");
    }
    const jouletap::Plan plan{std::llround(interval_ms * 1e6), static_cast<size_t>(capacity),
                              max_overhead, Napi::Value(wanted["aligned"]).ToBoolean().Value()};
    const Host host = host_in(info[2]);
    auto selection = jouletap::select(host, names);
    notes_ = std::move(selection.notes);
    warnings_ = std::move(selection.warnings);
    refusals_ = std::move(selection.refusals);
    sampler_ = std::make_unique<jouletap::Sampler>(std::move(selection.sources), plan,
                                                   reserve_of(host, names));
  }

 private:
  Napi::Value domains(const Napi::CallbackInfo& info) {
    return to_js(info.Env(), sampler_->domains());
  }
  Napi::Value notes(const Napi::CallbackInfo& info) { return to_js(info.Env(), notes_); }
  Napi::Value warnings(const Napi::CallbackInfo& info) { return to_js(info.Env(), warnings_); }
  Napi::Value refusals(const Napi::CallbackInfo& info) { return to_js(info.Env(), refusals_); }
  Napi::Value findings(const Napi::CallbackInfo& info) {
    return to_js(info.Env(), sampler_->findings());
  }
  Napi::Value changes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), sampler_->changes());
  }
  void start(const Napi::CallbackInfo& info) { sampler_->start(snapshot_buffer(info[0])); }
  void stop(const Napi::CallbackInfo&) { sampler_->stop(); }
  void record(const Napi::CallbackInfo& info) {
    sampler_->record(info[0].As<Napi::Boolean>().Value());
  }
  void sample(const Napi::CallbackInfo& info) { sampler_->sample(snapshot_buffer(info[0])); }
  void begin(const Napi::CallbackInfo& info) { sampler_->begin(snapshot_buffer(info[0])); }
  void end(const Napi::CallbackInfo& info) { sampler_->end(snapshot_buffer(info[0])); }
  void read_now(const Napi::CallbackInfo& info) {
    sampler_->read_now(buffer(info[0], sampler_->now_width()));
  }
  /// (into: Float64Array, offsetMs?: number)
  Napi::Value read(const Napi::CallbackInfo& info) {
    const auto [into, length] = doubles(info[0]);
    const double offset_ms = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
    const size_t width = sampler_->row_width();
    rows_.resize(length / width * width);
    const size_t rows = sampler_->read(rows_.data(), length / width);
    double* next = into;
    for (size_t column = 0; column < width; ++column) {
      const double add = column == 0 ? offset_ms : 0;
      for (size_t row = 0; row < rows; ++row) *next++ = rows_[row * width + column] + add;
    }
    return Napi::Number::New(info.Env(), static_cast<double>(rows));
  }
  Napi::Value overhead(const Napi::CallbackInfo& info) {
    const auto overhead = sampler_->overhead();
    auto object = Napi::Object::New(info.Env());
    object["cpuSeconds"] = overhead.cpu_seconds;
    object["reads"] = overhead.reads;
    object["rows"] = overhead.rows;
    object["overwritten"] = overhead.overwritten;
    object["overruns"] = overhead.overruns;
    object["wakeUps"] = overhead.wake_ups;
    object["systemCalls"] = overhead.system_calls;
    auto late = Napi::Object::New(info.Env());
    late["p50"] = microseconds(overhead.late_p50_ns);
    late["p99"] = microseconds(overhead.late_p99_ns);
    late["max"] = microseconds(overhead.late_max_ns);
    object["lateUs"] = late;
    object["intervalMs"] = static_cast<double>(overhead.interval_ns) / 1e6;
    object["threadId"] = overhead.thread_id;
    object["realtime"] = Napi::Boolean::New(info.Env(), overhead.realtime);
    return object;
  }

  Napi::Value shares(const Napi::CallbackInfo& info) {
    return to_js(info.Env(), sampler_->shares());
  }

  double* snapshot_buffer(const Napi::Value& value) const {
    return buffer(value, sampler_->snapshot_width());
  }
  static double* buffer(const Napi::Value& value, size_t width) {
    const auto [into, length] = doubles(value);
    if (length >= width) return into;
    throw Napi::TypeError::New(value.Env(),
                               "into is too short: it takes " + std::to_string(width) + " doubles");
  }
  static double microseconds(int64_t ns) { return static_cast<double>(ns) * 1e-3; }

  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
  std::vector<std::pair<std::string, Refusal>> refusals_;
  std::unique_ptr<jouletap::Sampler> sampler_;
  std::vector<double> rows_;  // of the last read()
};

#ifdef __linux__
std::vector<jouletap::FloorGroup> groups_of(const Napi::Array& wanted) {
  const auto whole = [](Napi::Value value) { return value.As<Napi::Number>().Uint32Value(); };
  return each(wanted, [whole](Napi::Value value) {
    const auto from = value.As<Napi::Object>();
    const auto configs = each(Napi::Value(from["configs"]).As<Napi::Array>(), whole);
    return jouletap::FloorGroup{whole(from["type"]),
                                Napi::Value(from["cpu"]).As<Napi::Number>().Int32Value(),
                                {configs.begin(), configs.end()}};
  });
}

std::vector<jouletap::FloorRegister> registers_of(const Napi::Array& wanted) {
  return each(wanted, [](Napi::Value value) {
    const auto from = value.As<Napi::Object>();
    const uint32_t number = Napi::Value(from["number"]).As<Napi::Number>();
    return jouletap::FloorRegister{text_in(from, "path"), number};
  });
}

jouletap::FloorCount count_of(const std::string& name) {
  using jouletap::FloorCount;
  if (name == "instructions") return FloorCount::instructions;
  return name == "missed" ? FloorCount::missed : FloorCount::nothing;
}

template <typename T>
T or_throw(const Napi::CallbackInfo& info, std::variant<T, std::string> made) {
  if (const auto* why = std::get_if<std::string>(&made)) throw Napi::Error::New(info.Env(), *why);
  return std::get<T>(std::move(made));
}

/// (reads: { files, registers, groups }, intervalMs: number, rows: number,
/// count: 'nothing' | 'instructions' | 'missed')
Napi::Value floor(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double interval_ms = info[1].As<Napi::Number>().DoubleValue();
  const int64_t rows = info[2].As<Napi::Number>().Int64Value();
  if (!(interval_ms > 0 && interval_ms <= kMost) || rows < 1) {
    throw Napi::RangeError::New(env, "intervalMs must be above 0, at most 1e9, rows at least 1");
  }
  const auto wanted = info[0].As<Napi::Object>();
  const auto list = [&](const char* key) { return Napi::Value(wanted[key]).As<Napi::Array>(); };
  const jouletap::FloorReads reads{strings(list("files")), registers_of(list("registers")),
                                   groups_of(list("groups"))};
  const auto cost =
      or_throw(info, jouletap::run_floor(reads, std::llround(interval_ms * 1e6), rows,
                                         count_of(info[3].As<Napi::String>().Utf8Value())));
  auto object = Napi::Object::New(env);
  object["rows"] = cost.rows;
  object["cpuSeconds"] = cost.cpu_seconds;
  object["instructions"] = cost.instructions;
  object["missed"] = cost.missed;
  object["realtime"] = Napi::Boolean::New(env, cost.realtime);
  return object;
}

/// (like: number)
Napi::Value open_channel(const Napi::CallbackInfo& info) {
  auto channel = or_throw(info, jouletap::open_channel(info[0].As<Napi::Number>()));
  auto object = Napi::Object::New(info.Env());
  object["ours"] = channel.ours.release();
  object["theirs"] = channel.theirs.release();
  return object;
}

/// (like: number, ours: number)
Napi::Value copy_size(const Napi::CallbackInfo& info) {
  const bool copied = jouletap::copy_size(info[0].As<Napi::Number>(), info[1].As<Napi::Number>());
  return Napi::Boolean::New(info.Env(), copied);
}

class Instructions : public Napi::ObjectWrap<Instructions> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Instructions",
                       {InstanceMethod<&Instructions::count>("count"),
                        InstanceMethod<&Instructions::close>("close")});
  }
  /// (threadId: number)
  explicit Instructions(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Instructions>(info) {
    counter_.emplace(or_throw(info, jouletap::Instructions::open(info[0].As<Napi::Number>())));
  }

 private:
  Napi::Value count(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), counter_ ? counter_->count() : std::nan(""));
  }
  void close(const Napi::CallbackInfo&) { counter_.reset(); }

  std::optional<jouletap::Instructions> counter_;
};
#endif

Napi::Object init(Napi::Env env, Napi::Object exports) {
  std::vector<std::string> names;
  for (const auto& entry : jouletap::all_sources()) names.emplace_back(entry.name);
  exports["sources"] = to_js(env, names);
  exports["probe"] = Napi::Function::New<probe>(env, "probe");
  exports["Sampler"] = Sampler::define(env);
#ifdef __linux__
  exports["openChannel"] = Napi::Function::New<open_channel>(env, "openChannel");
  exports["copySize"] = Napi::Function::New<copy_size>(env, "copySize");
  exports["floor"] = Napi::Function::New<floor>(env, "floor");
  exports["Instructions"] = Instructions::define(env);
  exports["elevated"] = Napi::Boolean::New(env, getauxval(AT_SECURE) != 0);
#else
  exports["elevated"] = Napi::Boolean::New(env, false);
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(jouletap, init)
