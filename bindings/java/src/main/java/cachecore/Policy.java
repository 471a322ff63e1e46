package cachecore;

/** Which entry leaves when there is no room. */
public enum Policy {
  /** The one used longest ago. */
  LRU,
  /** The one least likely to be used again, by recency or frequency. */
  ADAPTIVE
}
