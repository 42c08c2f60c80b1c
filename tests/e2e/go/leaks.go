// SPDX-License-Identifier: BSD-2-Clause

// leaks DIR own|other CODING h1|h2: as leaks.mjs, over that version of HTTP. Go has no brotli of its own.
package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode/utf16"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func decode(coding string, body []byte) []byte {
	var reader io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		reader, err = gzip.NewReader(reader)
	case "deflate":
		reader, err = zlib.NewReader(reader)
	}
	must(err)
	plain, err := io.ReadAll(reader)
	must(err)
	return plain
}

func fetch(dir, coding string, h2 bool) string {
	cert, err := os.ReadFile(dir + "/cert.pem")
	must(err)
	port, err := os.ReadFile(dir + "/port")
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: h2,
	}}
	request, err := http.NewRequest("POST", "https://127.0.0.1:"+string(port)+"/token",
		strings.NewReader("grant_type=client_credentials"))
	must(err)
	request.Header.Set("Accept-Encoding", coding)
	response, err := client.Do(request)
	must(err)
	if (response.ProtoMajor == 2) != h2 {
		must(fmt.Errorf("wrong protocol: %s", response.Proto))
	}
	body, err := io.ReadAll(response.Body)
	must(err)
	var answer struct {
		Token string `json:"access_token"`
	}
	must(json.Unmarshal(decode(coding, body), &answer))
	return answer.Token
}

func every(token, form string) string {
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		fmt.Fprintf(&b, form, token[i])
	}
	return b.String()
}

func nested(token string, depth int) string {
	text := `{"debug":"` + every(token, `\u%04x`) + `"}`
	for i := 1; i < depth; i++ {
		b, err := json.Marshal(map[string]string{"message": text})
		must(err)
		text = string(b)
	}
	return text
}

func lines(text string, width int) string {
	var parts []string
	for ; len(text) > width; text = text[width:] {
		parts = append(parts, text[:width])
	}
	return strings.Join(append(parts, text), "\n")
}

func wide(text string, order binary.ByteOrder) string {
	var b bytes.Buffer
	must(binary.Write(&b, order, utf16.Encode([]rune(text))))
	return b.String()
}

func b64(e *base64.Encoding, text string) string {
	return e.EncodeToString([]byte(text))
}

func leaks(t string) map[string][]string {
	std, url := base64.StdEncoding, base64.URLEncoding
	return map[string][]string{
		"raw":            {t},
		"base64-0":       {b64(std, t)},
		"base64-1":       {b64(std, "z"+t)},
		"base64-2":       {b64(std, "zz"+t)},
		"base64url-0":    {b64(url, t)},
		"base64url-1":    {b64(url, "z"+t)},
		"base64url-2":    {b64(url, "zz"+t)},
		"hex-lower":      {hex.EncodeToString([]byte(t))},
		"hex-upper":      {strings.ToUpper(hex.EncodeToString([]byte(t)))},
		"percent":        {every(t, "%%%02X")},
		"json-1":         {nested(t, 1)},
		"json-2":         {nested(t, 2)},
		"json-3":         {nested(t, 3)},
		"json-4":         {nested(t, 4)},
		"utf16-le":       {wide("debug "+t+" end", binary.LittleEndian)},
		"utf16-be":       {wide("debug "+t+" end", binary.BigEndian)},
		"wrapped":        {lines(t, 16)},
		"wrapped-base64": {lines(b64(std, t), 20)},
		"chunked":        {"14\r\n" + t[:20] + "\r\n14\r\n" + t[20:] + "\r\n0\r\n\r\n"},
		"prefix":         {t[:20]},
		"suffix":         {t[20:]},
		"split":          {t[:20], t[20:]},
	}
}

func main() {
	dir, whose, coding, h2 := os.Args[1], os.Args[2], os.Args[3], os.Args[4] == "h2"
	token := fetch(dir, coding, h2)
	if whose == "other" {
		noise := make([]byte, 30)
		_, err := rand.Read(noise)
		must(err)
		token = base64.RawURLEncoding.EncodeToString(noise)
	}
	for name, pieces := range leaks(token) {
		file, err := os.OpenFile(dir+"/out/"+name+".log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		must(err)
		for _, piece := range append(append([]string{"debug: "}, pieces...), " end\n") {
			_, err = file.WriteString(piece)
			must(err)
		}
		must(file.Close())
	}
}
