module cachecore

go 1.19
