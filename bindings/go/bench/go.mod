// Only so that `go test ./...` of the package leaves this folder out: run.sh builds it by GOPATH, with
// what Debian's packages have.
module cachecore-bench

go 1.19
