package cachecore;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The records that the library writes when it lists entries, as objects. */
final class Records {
  private static final int SCAN_HEADER = 24; // cachecore_scan_record_t
  private static final int VALUE_HEADER = 32; // cachecore_value_record_t
  private static final int REMOVAL_HEADER = 24; // cachecore_removal_record_t

  private Records() {}

  private static ByteBuffer buffer(byte[] records) {
    return ByteBuffer.wrap(records).order(ByteOrder.nativeOrder());
  }

  private static byte[] cut(byte[] records, int from, int size) {
    byte[] copy = new byte[size];
    System.arraycopy(records, from, copy, 0, size);
    return copy;
  }

  static List<Entry> keys(byte[] records) {
    ByteBuffer buffer = buffer(records);
    List<Entry> found = new ArrayList<>();
    for (int at = 0; at < records.length; at += buffer.getInt(at)) {
      byte[] key = cut(records, at + SCAN_HEADER, buffer.getInt(at + 4));
      long ttl = buffer.getLong(at + 16);
      found.add(new Entry(key, null, buffer.getLong(at + 8), Durations.of(ttl)));
    }
    return found;
  }

  static List<Entry> values(byte[] records) {
    ByteBuffer buffer = buffer(records);
    List<Entry> found = new ArrayList<>();
    for (int at = 0; at < records.length; at += (int) buffer.getLong(at)) {
      byte[] key = cut(records, at + VALUE_HEADER, buffer.getInt(at + 24));
      int size = (int) buffer.getLong(at + 8);
      byte[] value = cut(records, at + VALUE_HEADER + key.length, size);
      found.add(new Entry(key, value, size, Durations.of(buffer.getLong(at + 16))));
    }
    return found;
  }

  static List<Removal> removals(byte[] records) {
    ByteBuffer buffer = buffer(records);
    List<Removal> found = new ArrayList<>();
    for (int at = 0; at < records.length; at += (int) buffer.getLong(at)) {
      byte[] key = cut(records, at + REMOVAL_HEADER, buffer.getInt(at + 16));
      byte[] value = cut(records, at + REMOVAL_HEADER + key.length, (int) buffer.getLong(at + 8));
      Removal.Cause cause = Removal.Cause.values()[buffer.getInt(at + 20) - 1];
      found.add(new Removal(key, value, cause));
    }
    return found;
  }
}
