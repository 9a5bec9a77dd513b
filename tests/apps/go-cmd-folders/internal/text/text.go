// Package text has what the programs share.
package text

// Hello is what the web process answers.
const Hello = "go cmd v1"
