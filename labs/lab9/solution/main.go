// Worldclock tells the time in any zone of the world, over HTTP.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	// The zones of the world, within the program: an empty image has no /usr/share/zoneinfo.
	_ "time/tzdata"
)

const address = ":8000"

func main() {
	check := flag.Bool("check", false, "ask the running service whether it is well, and end with 0 or 1")
	flag.Parse()
	if *check {
		os.Exit(askForHealth())
	}
	if err := serve(); err != nil {
		slog.Error("the service can not go on", "error", err)
		os.Exit(1)
	}
}

// serve answers until somebody sends SIGTERM, and finishes what it has begun.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "ok", "user": os.Getuid()})
	})
	mux.HandleFunc("GET /time/{continent}/{city}", tellTime)

	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = server.Shutdown(patience)
	}()
	slog.Info("listening", "address", address)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	slog.Info("goodbye")
	return nil
}

func tellTime(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("continent") + "/" + r.PathValue("city")
	zone, err := time.LoadLocation(name)
	if err != nil {
		slog.Warn("no such zone", "zone", name, "error", err)
		answer(w, http.StatusNotFound, map[string]any{"error": err.Error()})
		return
	}
	now := time.Now().In(zone)
	answer(w, http.StatusOK, map[string]any{"zone": name, "time": now.Format("15:04"), "date": now.Format(time.DateOnly)})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func askForHealth() int {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://127.0.0.1" + address + "/health")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		fmt.Println(response.Status)
		return 1
	}
	return 0
}
