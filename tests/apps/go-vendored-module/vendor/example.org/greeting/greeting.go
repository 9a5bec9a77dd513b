// Package greeting greets.
package greeting

// Text is the greeting.
func Text() string { return "go vendored v1" }
