#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""curl_gnutls.py VERSION CODING CA URL: what the curl command would do, had Debian one that is built with GnuTLS.

POSTs to URL over HTTP/VERSION (1.1 or 2) and prints the answer, decoded.
"""

import ctypes
import sys

# curl.h: CURLoption and CURL_HTTP_VERSION_
URL, POSTFIELDS, CAINFO, HTTP_VERSION, ACCEPT_ENCODING, FAILONERROR = 10002, 10015, 10065, 84, 10102, 45
VERSIONS = {"1.1": 2, "2": 3}


def main():
    version, coding, authority, url = sys.argv[1:]
    lib = ctypes.CDLL("libcurl-gnutls.so.4")
    lib.curl_version.restype = ctypes.c_char_p
    assert b"GnuTLS" in lib.curl_version()
    lib.curl_easy_init.restype = ctypes.c_void_p
    curl = ctypes.c_void_p(lib.curl_easy_init())
    for option, value in ((URL, url), (CAINFO, authority), (POSTFIELDS, "grant_type=client_credentials"),
                          (ACCEPT_ENCODING, coding)):
        assert lib.curl_easy_setopt(curl, option, ctypes.c_char_p(value.encode())) == 0
    for option, value in ((HTTP_VERSION, VERSIONS[version]), (FAILONERROR, 1)):
        assert lib.curl_easy_setopt(curl, option, ctypes.c_long(value)) == 0
    status = lib.curl_easy_perform(curl)
    lib.curl_easy_cleanup(curl)
    return status


if __name__ == "__main__":
    sys.exit(main())
