//go:build race

package cachecore

const raceDetector = true
