// SPDX-License-Identifier: BSD-2-Clause

// tls DIR: server and client of itself, on 8 connections at once. Over connection number k the client sends SIZE bytes,
// the server answers with every one added 1 (bytes count to 251). The odd ones are over a net.Conn of our own, which moves
// the goroutine to another thread in every call. Waits for DIR/go. Fails when what a test wants to see did not happen.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	conns = 8
	size  = 100003
	chunk = 16384
)

var moved, ends int64

// Its goroutine goes on on another thread.
type mover struct{ net.Conn }

func move() {
	for was, i := syscall.Gettid(), 0; i < 100; i++ {
		if syscall.Gettid() != was {
			atomic.AddInt64(&moved, 1)
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func (m *mover) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	move()
	return n, err
}

func (m *mover) Write(b []byte) (int, error) {
	move()
	return m.Conn.Write(b)
}

func wrap(k int, c net.Conn) net.Conn {
	if k%2 == 1 {
		return &mover{c}
	}
	return c
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func pattern(k, add int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte((i*7 + k*3 + add) % 251)
	}
	return b
}

// Pieces about the length of what one record of TLS, or of ours, takes.
func send(c *tls.Conn, b []byte) {
	for _, n := range []int{1, chunk - 1, chunk, chunk + 1, 3, len(b)} {
		if n > len(b) {
			n = len(b)
		}
		done, err := c.Write(b[:n])
		must(err)
		if done != n {
			panic("short write")
		}
		b = b[n:]
	}
}

// A goroutine's stack is small at first: grown in the call, moved with what is on it.
func fresh(f func()) {
	done := make(chan bool)
	go func() {
		f()
		close(done)
	}()
	<-done
}

func serve(c *tls.Conn, closed chan bool) {
	got := make([]byte, 0, size)
	buf := make([]byte, 65536)
	for len(got) < size {
		n, err := c.Read(buf)
		must(err)
		got = append(got, buf[:n]...)
	}
	for i := range got {
		got[i] = (got[i] + 1) % 251
	}
	fresh(func() { send(c, got[:size-100]) })
	<-closed
	// The last bytes and the end of the connection, which the client will find together.
	_, err := c.Write(got[size-100:])
	must(err)
	must(c.Close())
	closed <- true
}

func ask(k int, c *tls.Conn, closed chan bool) {
	fresh(func() { send(c, pattern(k, 0)) })
	want := pattern(k, 1)
	got := make([]byte, 0, size)
	for len(got) < size-100 {
		var buf [1000]byte
		n, err := c.Read(buf[:])
		must(err)
		got = append(got, buf[:n]...)
	}
	closed <- true
	<-closed
	for {
		buf := make([]byte, 1000)
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if n > 0 && err == io.EOF {
			atomic.AddInt64(&ends, 1)
		}
		if err == io.EOF {
			break
		}
		must(err)
	}
	if string(got) != string(want) {
		panic("wrong answer")
	}
}

func main() {
	dir := os.Args[1]
	file := func(name string) string { return filepath.Join(dir, name) }
	runtime.GOMAXPROCS(4)
	for {
		if _, err := os.Stat(file("go")); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cert, err := tls.LoadX509KeyPair(file("cert.pem"), file("key.pem"))
	must(err)
	pem, err := os.ReadFile(file("cert.pem"))
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	var all sync.WaitGroup
	for k := 0; k < conns; k++ {
		client, err := net.Dial("tcp", l.Addr().String())
		must(err)
		server, err := l.Accept()
		must(err)
		closed := make(chan bool)
		all.Add(2)
		go func(k int) {
			serve(tls.Server(wrap(k, server), &tls.Config{Certificates: []tls.Certificate{cert}}), closed)
			all.Done()
		}(k)
		go func(k int) {
			config := &tls.Config{RootCAs: roots, ServerName: "localhost"}
			// Here a Read that finds bytes and the end gives both at once.
			if k < conns/2 {
				config.MaxVersion = tls.VersionTLS12
			}
			ask(k, tls.Client(wrap(k, client), config), closed)
			all.Done()
		}(k)
	}
	all.Wait()
	if moved == 0 {
		os.Exit(3)
	}
	if ends == 0 {
		os.Exit(4)
	}
}
