package cachecore;

import java.nio.ByteBuffer;

/** What remains of a ByteBuffer, as native methods take bytes. */
final class Bytes {
  final byte[] array; // null: the buffer is direct
  final ByteBuffer buffer;
  final int at;
  final int size;

  private Bytes(byte[] array, ByteBuffer buffer, int at, int size) {
    this.array = array;
    this.buffer = buffer;
    this.at = at;
    this.size = size;
  }

  static Bytes of(ByteBuffer buffer) {
    if (buffer.isDirect()) return new Bytes(null, buffer, buffer.position(), buffer.remaining());
    if (buffer.hasArray()) {
      int start = buffer.arrayOffset() + buffer.position();
      return new Bytes(buffer.array(), null, start, buffer.remaining());
    }
    byte[] copy = new byte[buffer.remaining()]; // read-only, in the heap
    buffer.duplicate().get(copy);
    return new Bytes(copy, null, 0, copy.length);
  }
}
