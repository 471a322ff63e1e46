package cachecore;

import java.util.List;

/** Arrays one after another in one, with count + 1 offsets. */
final class Packed {
  final byte[] bytes;
  final long[] offsets;

  private Packed(byte[] bytes, long[] offsets) {
    this.bytes = bytes;
    this.offsets = offsets;
  }

  static Packed of(List<byte[]> arrays) {
    long[] offsets = new long[arrays.size() + 1];
    int i = 0;
    for (byte[] array : arrays) {
      offsets[i + 1] = offsets[i] + array.length;
      i++;
    }
    byte[] bytes = new byte[Math.toIntExact(offsets[i])];
    i = 0;
    for (byte[] array : arrays) System.arraycopy(array, 0, bytes, (int) offsets[i++], array.length);
    return new Packed(bytes, offsets);
  }
}
