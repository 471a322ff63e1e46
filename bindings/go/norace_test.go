//go:build !race

package cachecore

const raceDetector = false
