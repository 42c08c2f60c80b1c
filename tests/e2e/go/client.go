// SPDX-License-Identifier: BSD-2-Clause

// client h1|h2 leak|send: an HTTPS client of the server on loopback port ./port, over that version of HTTP. leak: gets a
// token and writes it to stderr. send: sends the token in ./sent, as it should be.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(name string) string {
	b, err := os.ReadFile(name)
	must(err)
	return strings.TrimSpace(string(b))
}

func main() {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read("cert.pem")))
	url, h2 := "https://127.0.0.1:"+read("port"), os.Args[1] == "h2"
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: h2,
	}}
	request, err := http.NewRequest("POST", url+"/token", strings.NewReader("grant_type=client_credentials"))
	if os.Args[2] == "send" {
		request, err = http.NewRequest("GET", url+"/", nil)
		request.Header.Set("Authorization", "Bearer "+read("sent"))
	}
	must(err)
	response, err := client.Do(request)
	must(err)
	if (response.ProtoMajor == 2) != h2 {
		fmt.Fprintln(os.Stderr, "wrong protocol:", response.Proto)
		os.Exit(1)
	}
	body, err := io.ReadAll(response.Body)
	must(err)
	if os.Args[2] == "leak" {
		var answer struct {
			Token string `json:"access_token"`
		}
		must(json.Unmarshal(body, &answer))
		fmt.Fprintln(os.Stderr, "debug:", answer.Token)
	}
}
