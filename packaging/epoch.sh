# Sourced: the time of a release, which all its files have, is that of the entry in
# packaging/debian/changelog, unless SOURCE_DATE_EPOCH is set.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog \
  -l "$(dirname "${BASH_SOURCE[0]}")/debian/changelog" -S Timestamp)}
export SOURCE_DATE_EPOCH
