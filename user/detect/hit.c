// SPDX-License-Identifier: BSD-2-Clause
#include "detect/hit.h"

static const char *const kind_names[SECRET_KIND_MAX] = {
	[SECRET_ACCESS_TOKEN] = "access_token",
	[SECRET_REFRESH_TOKEN] = "refresh_token",
	[SECRET_ID_TOKEN] = "id_token",
	[SECRET_CODE] = "code",
	[SECRET_VERIFIER] = "code_verifier",
	[SECRET_STATE] = "state",
	[SECRET_CLIENT_SECRET] = "client_secret",
	[SECRET_DEVICE_CODE] = "device_code",
	[SECRET_REGISTRATION_TOKEN] = "registration_access_token",
	[SECRET_ASSERTION] = "assertion",
	[SECRET_API_KEY] = "api_key",
	[SECRET_BEARER] = "bearer",
};

static const char *const confidence_names[CONF_MAX] = {
	[CONF_HEURISTIC] = "heuristic",
	[CONF_PATTERN] = "pattern",
	[CONF_VERIFIED] = "verified",
	[CONF_VALUE] = "value",
};

static const char *const encoding_names[ENC_MAX] = {
	[ENC_RAW] = "raw",       [ENC_JSON] = "json", [ENC_PERCENT] = "percent",
	[ENC_BASE64] = "base64", [ENC_HEX] = "hex",   [ENC_UTF16] = "utf16",
	[ENC_HTML] = "html",
};

static const char *name_of(const char *const *names, unsigned int n, unsigned int i)
{
	return i < n ? names[i] : "unknown";
}

const char *secret_kind_name(enum secret_kind k)
{
	return name_of(kind_names, SECRET_KIND_MAX, k);
}

int secret_kind_parse(struct span name, enum secret_kind *ret)
{
	int i = span_index(name, kind_names, SECRET_KIND_MAX);

	if (i < 0)
		return i;
	*ret = (enum secret_kind)i;
	return 0;
}

const char *confidence_name(enum confidence c)
{
	return name_of(confidence_names, CONF_MAX, c);
}

int confidence_parse(struct span name, enum confidence *ret)
{
	int i = span_index(name, confidence_names, CONF_MAX);

	if (i < 0)
		return i;
	*ret = (enum confidence)i;
	return 0;
}

const char *encoding_name(enum encoding e)
{
	return name_of(encoding_names, ENC_MAX, e);
}
