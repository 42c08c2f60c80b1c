#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""curl_gnutls.py VERSION CODING CA URL [HEADER-FILE]: what the curl command would do, had Debian one that is built with GnuTLS.

POSTs a token request to URL over HTTP/VERSION (1.1 or 2) and prints the answer, decoded; with HEADER-FILE, GETs it with the
header field that is in there.
"""

import sys

import pycurl

# What to ask for, and what it then is.
VERSIONS = {
    "1.1": (pycurl.CURL_HTTP_VERSION_1_1, pycurl.CURL_HTTP_VERSION_1_1),
    "2": (pycurl.CURL_HTTP_VERSION_2TLS, pycurl.CURL_HTTP_VERSION_2_0),
}


def main():
    version, coding, authority, url, *header = sys.argv[1:]
    asked, used = VERSIONS[version]
    assert "GnuTLS" in pycurl.version
    curl = pycurl.Curl()
    curl.setopt(curl.URL, url)
    curl.setopt(curl.CAINFO, authority)
    curl.setopt(curl.HTTP_VERSION, asked)
    curl.setopt(curl.ACCEPT_ENCODING, coding)
    curl.setopt(curl.FAILONERROR, 1)
    curl.setopt(curl.WRITEDATA, sys.stdout.buffer)
    if header:
        with open(header[0], encoding="ascii") as file:
            curl.setopt(curl.HTTPHEADER, [file.read().strip()])
    else:
        curl.setopt(curl.POSTFIELDS, "grant_type=client_credentials")
    curl.perform()
    assert curl.getinfo(curl.INFO_HTTP_VERSION) == used


if __name__ == "__main__":
    main()
