package main

import (
	"io"
	"net/http"
	"os"

	"example.org/greeting"
)

func main() {
	handler := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, greeting.Text()) }
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(handler)))
}
