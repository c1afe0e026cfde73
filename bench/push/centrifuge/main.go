// A server of the Centrifuge library, the engine of Centrifugo, for the push benchmark.
//
//	centrifuge PORT FEED SECRET
//
// Each user has a channel with history, by which clients recover; messages come as load.c sends them, and must be JSON.
// The user is whom the bearer token names, signed with the secret (HS256).
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

const (
	history  = 100 // messages of a channel
	everyone = 0xFFFFFFFF
)

func main() {
	node, err := centrifuge.New(centrifuge.Config{})
	check(err)
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		who, _ := centrifuge.GetCredentials(ctx)
		return centrifuge.ConnectReply{
			Subscriptions: map[string]centrifuge.SubscribeOptions{
				"u:" + who.UserID: {EnableRecovery: true},
				"all":             {},
			},
			QueueInitialCap: 2,
		}, nil
	})
	node.OnConnect(func(*centrifuge.Client) {})
	check(node.Run())

	sockets := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin:                func(*http.Request) bool { return true },
		ReadBufferSize:             512,
		UseWriteBufferPool:         true,
		ProcessCommandsOffReadLoop: true, // an idle connection holds no read buffer then
		PingPongConfig:             centrifuge.PingPongConfig{PingInterval: -1},
	})
	secret := []byte(os.Args[3])
	tokens := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience("lacak"), jwt.WithExpirationRequired())
	http.HandleFunc("/connection/websocket", func(w http.ResponseWriter, r *http.Request) {
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		token, err := tokens.Parse(bearer, func(*jwt.Token) (any, error) { return secret, nil })
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		user, _ := token.Claims.GetSubject()
		who := &centrifuge.Credentials{UserID: user}
		sockets.ServeHTTP(w, r.WithContext(centrifuge.SetCredentials(r.Context(), who)))
	})
	feed, err := net.Listen("unix", os.Args[2])
	check(err)
	go func() {
		for {
			connection, err := feed.Accept()
			check(err)
			publish(node, bufio.NewReaderSize(connection, 1<<18))
		}
	}()
	collect := make(chan os.Signal, 1)
	signal.Notify(collect, syscall.SIGUSR1)
	go func() {
		for range collect {
			runtime.GC()
			debug.FreeOSMemory()
		}
	}()
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

func publish(node *centrifuge.Node, feed io.Reader) {
	var head [8]byte
	channels := map[uint32]string{}
	for {
		if _, err := io.ReadFull(feed, head[:]); err != nil {
			return
		}
		user, size := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
		message := make([]byte, size)
		_, err := io.ReadFull(feed, message)
		check(err)
		if user == everyone {
			_, err = node.Publish("all", message)
			check(err)
			continue
		}
		channel, known := channels[user]
		if !known {
			channel = "u:" + strconv.FormatUint(uint64(user), 10)
			channels[user] = channel
		}
		_, err = node.Publish(channel, message, centrifuge.WithHistory(history, 10*time.Minute))
		check(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
