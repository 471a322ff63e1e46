// The steps of bindings/scenarios.txt, whose head explains them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cachecore.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

namespace {

using cachecore::answer;
using cachecore::cache;
using cachecore::lifetime;
using std::string;
using ms = std::chrono::milliseconds;
using words = std::vector<string>;

const words OK{"ok"}, MISS{"miss"};

/// The bytes of a word.
string unescaped(string word) {
  if (word == "\"\"") return "";
  std::size_t times = 1, star = word.rfind('*');
  if (star != string::npos) {
    times = std::stoul(word.substr(star + 1));
    word.resize(star);
  }
  string once, all;
  for (std::size_t i = 0; i < word.size(); i++)
    if (word.compare(i, 2, "\\x") == 0) {
      once += static_cast<char>(std::stoi(word.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      once += word[i];
    }
  while (times-- > 0) all += once;
  return all;
}

words split(const string &line) {
  words found;
  std::istringstream stream(line);
  for (string word; std::getline(stream, word, ' ');)
    found.push_back(unescaped(word));
  return found;
}

lifetime ttl(const string &word) {
  if (word == "default") return cachecore::by_default;
  if (word == "never") return cachecore::never;
  if (word == "keep") return cachecore::keep;
  return ms(std::stoll(word));
}

string text(ms left) {
  return left == cachecore::forever ? "never" : std::to_string(left.count());
}

template <class Number> words number(Number n) {
  return {"ok", std::to_string(n)};
}

words found(bool is_there) { return is_there ? OK : MISS; }

words value(const std::optional<string> &value) {
  return value ? words{"ok", *value} : MISS;
}

words listed(words keys) {
  keys.insert(keys.begin(), "ok");
  return keys;
}

/// The name of a status in the header, without CACHECORE_, in lower case.
string name(const std::error_code &code) {
  static const std::map<int, string> names{
      {CACHECORE_REFUSED, "refused"},        {CACHECORE_E_ARGUMENT, "e_argument"},
      {CACHECORE_E_NO_MEMORY, "e_no_memory"}, {CACHECORE_E_FULL, "e_full"},
      {CACHECORE_E_STATE, "e_state"},        {CACHECORE_E_TIMEOUT, "e_timeout"},
      {CACHECORE_E_TYPE, "e_type"},          {CACHECORE_E_RANGE, "e_range"},
      {CACHECORE_E_LAYOUT, "e_layout"},      {CACHECORE_E_ACCESS, "e_access"}};
  return names.at(code.value());
}

/// A field of the statistics, by the library's own table.
std::uint64_t field(const cachecore_stats_t &stats, const string &name) {
  cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
  for (std::uint32_t i = 0; cachecore_stats_field(i, &field) == CACHECORE_OK; i++)
    if (name == field.name && field.size == 8) {
      std::uint64_t word;
      std::memcpy(&word, reinterpret_cast<const char *>(&stats) + field.offset, 8);
      return word;
    }
  FAIL("no field " << name);
  return 0;
}

/// One scenario: its caches, and what its steps keep under names.
class run {
 public:
  run() {
    string pattern = (std::filesystem::temp_directory_path() / "cachecore-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~run() {
    claims_.clear();
    std::filesystem::remove_all(folder_);
  }

  /// The words that the call answered.
  words step(const string &verb, const words &given) {
    auto known = verbs().find(verb);
    if (known == verbs().end()) FAIL("no verb " << verb);
    try {
      return known->second(*this, given);
    } catch (const cachecore::error &error) {
      return {name(error.code())};
    }
  }

 private:
  using method = std::function<words(run &, const words &)>;

  static const std::map<string, method> &verbs();

  cache &used() { return caches_.at(current_); }

  words open(const words &given) {
    cachecore::options options;
    string shared;
    for (std::size_t i = 1; i < given.size(); i++) {
      string key = given[i].substr(0, given[i].find('=')), rest;
      if (key != given[i]) rest = given[i].substr(key.size() + 1);
      if (key == "max_entries") options.max_entries = std::stoull(rest);
      else if (key == "max_bytes") options.max_bytes = std::stoull(rest);
      else if (key == "default_ttl_ms") options.default_ttl = ttl(rest);
      else if (key == "default_tti_ms") options.default_tti = ms(std::stoll(rest));
      else if (key == "shard_count") options.shard_count = static_cast<std::uint32_t>(std::stoul(rest));
      else if (key == "policy")
        options.policy = rest == "lru" ? cachecore::policy::lru : cachecore::policy::adaptive;
      else if (key == "no_evict") options.no_evict = true;
      else if (key == "manual_clock") options.manual_clock = true;
      else if (key == "report_removals") options.report_removals = true;
      else if (key == "shared") shared = folder_ + "/" + rest;
      else FAIL("no option " << key);
    }
    cache made = shared.empty() ? cache(options) : cache::shared(shared, options);
    caches_.erase(given[0]);
    caches_.emplace(given[0], std::move(made));
    current_ = given[0];
    return OK;
  }

  words get_or_claim(const words &given) {
    answer asked = used().get_or_claim(given[0]);
    static const std::map<answer::kind, string> kinds{
        {answer::kind::fresh, "ok"},        {answer::kind::stale, "stale"},
        {answer::kind::absent, "absent"},   {answer::kind::claimed, "claimed"},
        {answer::kind::pending, "pending"}};
    words told{kinds.at(asked.what)};
    if (asked.value) told.push_back(*asked.value);
    if (asked.claim.held()) told.push_back("held");
    claims_.erase(given[1]);
    claims_.emplace(given[1], std::move(asked.claim));
    return told;
  }

  string folder_, current_;
  std::map<string, cache> caches_;
  std::map<string, std::uint64_t> versions_;
  std::map<string, cachecore::borrowed_value> borrowed_;
  std::map<string, cachecore::claim> claims_;
};

#define VERB(name, ...) {#name, [](run &r, const words &w) -> words { (void)w; __VA_ARGS__ }}

const std::map<string, run::method> &run::verbs() {
  static const std::map<string, method> verbs{
      VERB(open, return r.open(w);),
      VERB(use, r.current_ = w[0]; return OK;),
      VERB(close, r.used().close(); return OK;),
      VERB(set, r.used().set(w[0], w[1], ttl(w[2])); return OK;),
      VERB(add, return {r.used().add(w[0], w[1], ttl(w[2])) ? "ok" : "exists"};),
      VERB(replace, return found(r.used().replace(w[0], w[1], ttl(w[2])));),
      VERB(get, return value(r.used().get(w[0]));),
      VERB(peek, return value(r.used().peek(w[0]));),
      VERB(contains, return found(r.used().contains(w[0]));),
      {"delete", [](run &r, const words &w) { return found(r.used().erase(w[0])); }},
      VERB(touch, return found(r.used().touch(w[0], ttl(w[1])));),
      {"ttl", [](run &r, const words &w) {
         auto left = r.used().ttl(w[0]);
         return left ? words{"ok", text(*left)} : MISS;
       }},
      VERB(inspect, auto info = r.used().inspect(w[0]); if (!info) return MISS;
           return {"ok", std::to_string(info->value_size), text(info->ttl), text(info->age)};),
      VERB(increment, return number(r.used().increment(w[0], std::stoll(w[1]), std::stoll(w[2]), ttl(w[3])));),
      VERB(get_with_info, auto entry = r.used().get_with_info(w[0]); if (!entry) return MISS;
           r.versions_[w[1]] = entry->info.version; return {"ok", entry->value, text(entry->info.ttl)};),
      VERB(compare_and_set,
           auto how = r.used().compare_and_set(w[0], w[1], r.versions_.at(w[2]), ttl(w[3]));
           return {how == cachecore::exchanged::stored     ? "ok"
                   : how == cachecore::exchanged::conflict ? "conflict"
                                                           : "miss"};),
      VERB(acquire, auto lent = r.used().acquire(w[0]); if (!lent) return MISS;
           r.borrowed_[w[1]] = std::move(*lent); return OK;),
      VERB(borrowed, return {"ok", string(r.borrowed_.at(w[0]).view())};),
      VERB(release, r.borrowed_.at(w[0]).release(); return OK;),
      VERB(set_many, std::vector<std::pair<string, string>> pairs;
           for (std::size_t i = 1; i < w.size(); i += 2) pairs.emplace_back(w[i], w[i + 1]);
           r.used().set_many(pairs, ttl(w[0])); return OK;),
      VERB(get_many, auto values = r.used().get_many(w); words told{"ok"};
           for (std::size_t i = 0; i < values.size(); i++) {
             told.push_back(values[i] ? "ok" : "miss");
             if (values[i]) told.emplace_back(*values[i]);
           } return told;),
      VERB(delete_many, return number(r.used().erase_many(w));),
      VERB(count, return number(r.used().count());),
      VERB(clear, r.used().clear(); return OK;),
      VERB(delete_prefix, return number(r.used().erase_prefix(w[0]));),
      VERB(scan, words keys = r.used().scan(w[0]); std::sort(keys.begin(), keys.end()); return listed(keys);),
      VERB(scan_values, std::map<string, string> all;
           r.used().for_each(w[0], [&](std::string_view key, std::string_view value, ms) { all.emplace(key, value); });
           words told{"ok"};
           for (const auto &[key, value] : all) told.insert(told.end(), {key, value});
           return told;),
      VERB(coldest, return listed(r.used().coldest(std::stoull(w[0])));),
      VERB(hottest, return listed(r.used().hottest(std::stoull(w[0])));),
      VERB(evict, return number(r.used().evict(std::stoull(w[0])));),
      VERB(cleanup_expired, return number(r.used().cleanup_expired());),
      VERB(resize, r.used().resize(std::stoull(w[0]), std::stoull(w[1])); return OK;),
      VERB(stats, return number(field(r.used().stats(), w[0]));),
      VERB(reset_stats, r.used().reset_stats(); return OK;),
      VERB(take_removals, words told{"ok"};
           static const char *const causes[] = {"", "expired", "evicted", "replaced", "deleted"};
           for (const cachecore::removal &gone : r.used().take_removals())
             told.insert(told.end(), {gone.key, gone.value, causes[static_cast<int>(gone.cause)]});
           return told;),
      VERB(advance, r.used().advance_clock(ms(std::stoll(w[0]))); return OK;),
      VERB(save, return number(r.used().save(r.folder_ + "/" + w[0]));),
      VERB(load, return number(r.used().load(r.folder_ + "/" + w[0]));),
      VERB(shared_info, auto info = r.used().shared_info();
           return number(w[0] == "processes" ? info.processes : info.warm);),
      VERB(sweeper_start, r.used().sweeper().start(ms(std::stoll(w[0]))); return OK;),
      VERB(sweeper_trigger, return number(r.used().sweeper().trigger());),
      VERB(sweeper_stop, r.used().sweeper().stop(); return OK;),
      VERB(get_or_claim, return r.get_or_claim(w);),
      VERB(claim_wait, return {r.claims_.at(w[0]).wait(ms(std::stoll(w[1]))) ? "ok" : "e_timeout"};),
      VERB(fulfill, return {r.claims_.at(w[0]).fulfill(w[1], ttl(w[2]), ms(std::stoll(w[3]))) ? "ok" : "conflict"};),
      VERB(fulfill_absent, return {r.claims_.at(w[0]).fulfill_absent(ttl(w[1])) ? "ok" : "conflict"};),
      VERB(abandon, r.claims_.at(w[0]).abandon(ms(std::stoll(w[1]))); return OK;)};
  return verbs;
}

TEST_CASE("scenarios") {
  const char *path = std::getenv("CACHECORE_SCENARIOS");
  std::ifstream file(path ? path : "bindings/scenarios.txt");
  REQUIRE_MESSAGE(file, "CACHECORE_SCENARIOS is no file");
  std::unique_ptr<run> scenario;
  string line, title;
  int count = 0, at = 0;
  while (std::getline(file, line)) {
    at++;
    if (line.empty() || line[0] == '#') continue;
    if (line.compare(0, 9, "scenario ") == 0) {
      scenario.reset();  // its claims go before its caches
      scenario = std::make_unique<run>();
      title = line;
      count++;
      continue;
    }
    CAPTURE(title);
    CAPTURE(at);
    CAPTURE(line);
    std::size_t equals = line.find(" = ");
    words call = split(line.substr(0, equals));
    string verb = call[0];
    call.erase(call.begin());
    bool is_expected = scenario->step(verb, call) == split(line.substr(equals + 3));
    CHECK(is_expected);
  }
  CHECK(count >= 24);
}

}  // namespace
