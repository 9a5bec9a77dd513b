package main

import (
	"io"
	"net/http"
	"os"

	"example.org/queue/internal/text"
)

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text.Hello) })
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
