package cachecore;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Makes the steps of a scenario. Words are compared as ISO 8859-1, which has every byte. */
final class Runner implements AutoCloseable {
  private static final byte[] ALL = {};
  private final Path folder;
  private final Map<String, Cache> caches = new HashMap<>();
  private final Map<String, Long> versions = new HashMap<>();
  private final Map<String, Borrowed> borrowed = new HashMap<>();
  private final Map<String, Found> found = new HashMap<>();
  private Cache cache;

  Runner(Path folder) {
    this.folder = folder;
  }

  // ---- Words ----

  static byte[] bytesOf(String word) {
    if (word.equals("\"\"")) return new byte[0];
    int star = word.lastIndexOf('*');
    String text = star < 0 ? word : word.substring(0, star);
    int times = star < 0 ? 1 : Integer.parseInt(word.substring(star + 1));
    ByteArrayOutputStream once = new ByteArrayOutputStream();
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '\\') {
        once.write(Integer.parseInt(text.substring(i + 2, i + 4), 16));
        i += 3;
      } else {
        once.write(text.charAt(i));
      }
    }
    ByteBuffer all = ByteBuffer.allocate(once.size() * times);
    for (int i = 0; i < times; i++) all.put(once.toByteArray());
    return all.array();
  }

  static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String said(Object value) {
    if (value instanceof byte[] bytes) return latin(bytes);
    if (value instanceof Duration time) {
      return time.equals(Cache.NEVER) ? "never" : Long.toString(time.toMillis());
    }
    return String.valueOf(value);
  }

  private static Duration ms(String word) {
    return Duration.ofMillis(Long.parseLong(word));
  }

  /** Null is the default. */
  private static Duration lifetime(String word) {
    return switch (word) {
      case "default" -> null;
      case "never" -> Cache.NEVER;
      case "keep" -> Cache.KEEP;
      default -> ms(word);
    };
  }

  private static List<byte[]> all(List<String> words) {
    return words.stream().map(Runner::bytesOf).toList();
  }

  private static List<Object> ok(Object... rest) {
    List<Object> words = new ArrayList<>(List.of("ok"));
    words.addAll(Arrays.asList(rest));
    return words;
  }

  private static List<Object> miss() {
    return List.of("miss");
  }

  private static List<Object> yes(boolean is, String otherwise) {
    return List.of(is ? "ok" : otherwise);
  }

  List<String> answer(List<String> call) throws Exception {
    List<String> rest = call.subList(1, call.size());
    try {
      return step(call.get(0), rest).stream().map(Runner::said).toList();
    } catch (CacheException error) {
      return List.of(switch (error.status()) {
        case REFUSED -> "refused";
        case CLOSED -> "e_state";
        default -> "e_" + error.status().name().toLowerCase(Locale.ROOT);
      });
    } catch (IllegalArgumentException error) {
      return List.of("e_argument");
    }
  }

  // ---- Steps ----

  private List<Object> step(String verb, List<String> words) throws Exception {
    String one = words.isEmpty() ? null : words.get(0);
    byte[] key = words.isEmpty() ? null : bytesOf(one);
    switch (verb) {
      case "open":
        cache = open(words);
        caches.put(one, cache);
        return ok();
      case "use":
        cache = caches.get(one);
        return ok();
      case "close":
        cache.close();
        return ok();
      case "get":
        return get(key);
      case "peek":
        return value(cache.peek(key));
      case "contains":
        return yes(cache.contains(key), "miss");
      case "delete":
        return yes(cache.delete(key), "miss");
      case "touch":
        return yes(cache.touch(key, lifetime(words.get(1))), "miss");
      case "ttl":
        Duration ttl = cache.ttl(key);
        return ttl == null ? miss() : ok(ttl);
      case "inspect":
        EntryInfo info = cache.inspect(key);
        return info == null ? miss() : ok(info.size(), info.ttl(), info.age());
      case "increment":
        return ok(cache.increment(
            key, Long.parseLong(words.get(1)), Long.parseLong(words.get(2)),
            lifetime(words.get(3))));
      case "set":
      case "add":
      case "replace":
        return store(verb, key, bytesOf(words.get(1)), lifetime(words.get(2)));
      case "get_with_info":
        Versioned versioned = cache.getWithInfo(key);
        if (versioned == null) return miss();
        versions.put(words.get(1), versioned.info().version());
        return ok(versioned.value(), versioned.info().ttl());
      case "compare_and_set":
        return compareAndSet(key, words);
      case "acquire":
        Borrowed lent = cache.acquire(key);
        if (lent == null) return miss();
        borrowed.put(words.get(1), lent);
        return ok();
      case "borrowed":
        return ok(borrowedValue(borrowed.get(one)));
      case "release":
        borrowed.get(one).close();
        return ok();
      default:
        return many(verb, words, one, key);
    }
  }

  private List<Object> many(String verb, List<String> words, String one, byte[] key)
      throws Exception {
    switch (verb) {
      case "set_many":
        List<Entry> entries = new ArrayList<>();
        for (int i = 1; i < words.size(); i += 2) {
          entries.add(new Entry(bytesOf(words.get(i)), bytesOf(words.get(i + 1))));
        }
        Duration time = lifetime(one);
        if (time == null) cache.setMany(entries);
        else cache.setMany(entries, time);
        return ok();
      case "get_many":
        List<Object> values = ok();
        for (byte[] value : cache.getMany(all(words))) values.addAll(value(value));
        return values;
      case "delete_many":
        return ok(cache.deleteMany(all(words)));
      case "count":
        return ok(cache.count());
      case "clear":
        cache.clear();
        return ok();
      case "delete_prefix":
        return ok(cache.deletePrefix(key));
      case "scan":
        return listed(cache.keys(key), true, false);
      case "scan_values":
        return listed(cache.entries(key), true, true);
      case "coldest":
        return listed(cache.coldest(Long.parseLong(one)), false, false);
      case "hottest":
        return listed(cache.hottest(Long.parseLong(one)), false, false);
      case "evict":
        return ok(cache.evict(Long.parseLong(one)));
      case "cleanup_expired":
        return ok(cache.cleanupExpired());
      case "resize":
        cache.resize(Long.parseLong(one), Long.parseLong(words.get(1)));
        return ok();
      case "stats":
        return ok(component(cache.stats(), one));
      case "reset_stats":
        cache.resetStats();
        return ok();
      case "take_removals":
        List<Object> taken = ok();
        for (Removal removal : cache.takeRemovals()) {
          String cause = removal.cause().name().toLowerCase(Locale.ROOT);
          taken.addAll(List.of(removal.key(), removal.value(), cause));
        }
        return taken;
      case "advance":
        cache.advanceClock(ms(one));
        return ok();
      case "save":
        return ok(cache.save(folder.resolve(one)));
      case "load":
        return ok(cache.load(folder.resolve(one)));
      case "shared_info":
        return ok(component(cache.sharedInfo(), one));
      default:
        return claims(verb, words, one, key);
    }
  }

  private List<Object> claims(String verb, List<String> words, String one, byte[] key)
      throws Exception {
    switch (verb) {
      case "sweeper_start":
        cache.sweeper().start(ms(one), false);
        return ok();
      case "sweeper_trigger":
        return ok(cache.sweeper().trigger());
      case "sweeper_stop":
        cache.sweeper().stop();
        return ok();
      case "get_or_claim":
        Found answer = cache.getOrClaim(key);
        found.put(words.get(1), answer);
        List<Object> said = new ArrayList<>();
        String state = answer.state().name().toLowerCase(Locale.ROOT);
        said.add(state.equals("fresh") ? "ok" : state);
        if (answer.value() != null) said.add(answer.value());
        if (answer.claim().isPresent()) said.add("held");
        return said;
      case "claim_wait":
        return yes(found.get(one).await(ms(words.get(1))), "e_timeout");
      case "fulfill":
        Claim claim = found.get(one).claim().get();
        long ttl = words.get(2).equals("default") ? 0 : Durations.lifetime(lifetime(words.get(2)));
        long stale = Long.parseLong(words.get(3));
        return yes(claim.fulfillMs(bytesOf(words.get(1)), ttl, stale), "conflict");
      case "fulfill_absent":
        Duration time = lifetime(words.get(1));
        Claim absent = found.get(one).claim().get();
        return yes(time == null ? absent.fulfillAbsent() : absent.fulfillAbsent(time), "conflict");
      case "abandon":
        found.get(one).claim().get().abandon(ms(words.get(1)));
        return ok();
      default:
        throw new AssertionError("no such verb: " + verb);
    }
  }

  private Cache open(List<String> words) {
    CacheBuilder builder = Cache.builder();
    for (String option : words.subList(1, words.size())) {
      String[] parts = option.split("=");
      switch (parts[0]) {
        case "max_entries" -> builder.maxEntries(Long.parseLong(parts[1]));
        case "max_bytes" -> builder.maxBytes(Long.parseLong(parts[1]));
        case "default_ttl_ms" -> builder.ttl(ms(parts[1]));
        case "default_tti_ms" -> builder.tti(ms(parts[1]));
        case "shard_count" -> builder.shards(Integer.parseInt(parts[1]));
        case "policy" -> builder.policy(Policy.valueOf(parts[1].toUpperCase(Locale.ROOT)));
        case "no_evict" -> builder.noEvict(true);
        case "manual_clock" -> builder.manualClock(true);
        case "report_removals" -> builder.reportRemovals(true);
        case "shared" -> builder.shared(folder.resolve(parts[1]));
        default -> throw new AssertionError("no such option: " + option);
      }
    }
    return builder.open();
  }

  private static List<Object> value(byte[] value) {
    return value == null ? miss() : ok((Object) value);
  }

  /** By the array; and, counting as nothing, by the other ways. */
  private List<Object> get(byte[] key) {
    byte[] value = cache.get(key);
    byte[] peeked = cache.peek(key);
    assertArrayEquals(value, peeked);
    return value(value);
  }

  private List<Object> store(String verb, byte[] key, byte[] value, Duration ttl) {
    switch (verb) {
      case "set":
        if (ttl == null) cache.set(key, value);
        else cache.set(key, value, ttl);
        return ok();
      case "add":
        return yes(ttl == null ? cache.add(key, value) : cache.add(key, value, ttl), "exists");
      default:
        return yes(
            ttl == null ? cache.replace(key, value) : cache.replace(key, value, ttl), "miss");
    }
  }

  private List<Object> compareAndSet(byte[] key, List<String> words) {
    byte[] value = bytesOf(words.get(1));
    long version = versions.get(words.get(2));
    Duration ttl = lifetime(words.get(3));
    boolean isStored = ttl == null
        ? cache.compareAndSet(key, value, version)
        : cache.compareAndSet(key, value, version, ttl);
    return yes(isStored, cache.contains(key) ? "conflict" : "miss");
  }

  private static byte[] borrowedValue(Borrowed value) {
    byte[] copy = value.toByteArray();
    ByteBuffer view = value.buffer();
    assertEquals(ByteBuffer.wrap(copy), view);
    byte[] other = new byte[copy.length];
    value.copyTo(0, other, 0, other.length);
    assertArrayEquals(copy, other);
    return copy;
  }

  private static List<Object> listed(Iterable<Entry> entries, boolean isSorted, boolean values) {
    List<Entry> all = new ArrayList<>();
    entries.forEach(all::add);
    if (isSorted) all.sort(Comparator.comparing(Entry::key, Arrays::compareUnsigned));
    List<Object> words = ok();
    for (Entry entry : all) {
      words.add(entry.key());
      if (values) words.add(entry.value());
    }
    return words;
  }

  /** Of a record, by the header's name of the field. */
  private static Object component(Record record, String field) throws Exception {
    String wanted = camel(field);
    for (var component : record.getClass().getRecordComponents()) {
      boolean isFlag = component.getType() == boolean.class;
      String candidate = isFlag ? component.getName().substring(2).toLowerCase(Locale.ROOT)
          : component.getName();
      if (!candidate.equals(wanted)) continue;
      Object value = component.getAccessor().invoke(record);
      return isFlag ? ((boolean) value ? 1 : 0) : value;
    }
    throw new AssertionError(record.getClass() + " has no " + wanted);
  }

  static String camel(String field) {
    StringBuilder name = new StringBuilder();
    for (String part : field.split("_")) {
      boolean isFirst = name.length() == 0;
      name.append(isFirst ? part.charAt(0) : Character.toUpperCase(part.charAt(0)));
      name.append(part.substring(1));
    }
    return name.toString();
  }

  @Override
  public void close() {
    borrowed.values().forEach(Borrowed::close);
    caches.values().forEach(Cache::close);
  }
}
