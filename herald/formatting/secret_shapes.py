"""The shapes of secrets, as those who issue them document them: what gives one away, and what of it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern whose group 1 is shown and whose rest is hidden; it matches only where one of `marks` occurs.

    What is hidden lies within one run of printable ASCII characters, and whether it is hidden never depends on what
    comes after that run: of a growing text, everything before the last run is decided.
    """

    marks: tuple[str, ...]
    pattern: str


def _tokens(prefixes: str, rest: str) -> Shape:
    """Describe tokens known by their prefix.

    Each begins after a character that is neither letter nor digit, and ends before one, so that hiding one token
    cannot let another begin. (Looking back after the prefix lets `re` search for the prefix, which is fast.)
    """
    marks = tuple(prefixes.split())
    # a letter may be the end of an escape: \\n in JSON, %3D in an address
    alone = (
        rf"{mark}(?:(?<![A-Za-z0-9]{mark})|(?<=\\[nrt]{mark})|(?<=%[0-9A-F][0-9A-F]{mark}))"
        for mark in map(re.escape, marks)
    )
    return Shape(marks, rf"({'|'.join(alone)}){rest}")


def _named(marks: str, name: str, rest: str) -> Shape:
    """Describe values without a shape of their own, known by the name before them: `name = "value"`."""
    return Shape(tuple(marks.split()), rf"((?i:{name})[\"'`\\:=|,> \t]{{1,16}}){rest}")


# Patterns are ASCII; a quantifier with a `+` after it never gives back what it took, so that time stays linear.
_LETTER = "[A-Za-z0-9]"
# Where `-` and `_` belong to a token, a capital or a digit must come soon: `sk-ant-put-your-key-here` stays.
_MIXED = r"(?=[a-z_-]{0,60}[A-Z0-9])[\w-]"
_END = "(?![A-Za-z0-9])"

MIN_TOKEN = 20
IN_TOKENS = "-_.~+/=:%"

# Each is part of a word of at least MIN_TOKEN characters: letters, digits and IN_TOKENS.
TOKENS = (
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    _tokens("AKIA ASIA ABIA ACCA", rf"[A-Z0-9]{{16}}{_END}"),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
    _tokens("ABSK bedrock-api-key-", r"[A-Za-z0-9+/]{60,}+=*"),
    # https://cloud.google.com/docs/authentication/api-keys, https://developers.google.com/identity/protocols/oauth2
    _tokens("AIza", rf"[\w-]{{35}}{_END}"),
    _tokens("ya29. GOCSPX- 1//", rf"{_MIXED}{{24,}}+(?:\.[\w-]++)*"),
    # https://learn.microsoft.com/purview/sit-defn-client-secret-api-key
    Shape(("Q~",), rf"()(?<![\w.~-])[\w.~-]{{3}}[0-9]Q~[\w.~-]{{31,34}}{_END}"),
    # https://learn.microsoft.com/rest/api/storageservices/create-service-sas
    Shape(("sig=",), r"([?&;]sig=)[A-Za-z0-9%+/]{40,}+=*"),
    # https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    Shape(("AccountKey=", "AccessKey="), r"((?:Account|SharedAccess)Key=)[A-Za-z0-9+/]{43,}+=*"),
    # https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github and
    # https://github.blog/changelog/ of 2026-04-24: installation tokens become ghs_APPID_JWT
    _tokens("ghp_ gho_ ghu_ ghs_ ghr_", rf"(?:{_LETTER}{{36,}}+|\d{{1,20}}_eyJ)\w*+(?:\.[\w-]++)*"),
    _tokens("github_pat_", rf"{_LETTER}{{20,}}+\w*+"),
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    _tokens(
        "glpat- gloas- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glwt- glsoat- glffct-",
        rf"{_MIXED}{{20,}}+(?:\.[\w-]++)*",
    ),
    # https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account
    _tokens("ATATT3x ATCTT3x ATBB", rf"{_MIXED}{{28,}}+(?:=\w++)?"),
    # https://docs.slack.dev/authentication/tokens
    _tokens("xoxb- xoxp- xoxa- xoxr- xoxs- xoxc- xapp- xoxe- xoxe.xoxb- xoxe.xoxp-", r"\d[A-Za-z0-9-]{18,}+"),
    # https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    Shape(("hooks.slack.com",), r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]{20,}+"),
    # https://discord.com/developers/docs/reference#authentication; the first part is a number in base64
    Shape(("M", "N", "O"), rf"[MNO](?<![\w.-].)[A-Za-z0-9]{{22,27}}\.[\w-]{{6}}\.[\w-]{{27,38}}{_END}()"),
    # https://discord.com/developers/docs/resources/webhook#execute-webhook
    Shape(("/webhooks/",), r"(discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{17,20}/)[\w-]{40,}+"),
    # https://core.telegram.org/bots/api#authorizing-your-bot; the number before the colon is the bot's public id
    Shape((":",), rf"(:(?<=\d{{8}}:))[\w-]{{35}}{_END}"),
    # https://docs.stripe.com/keys, https://docs.stripe.com/webhooks/signature
    _tokens("sk_live_ sk_test_ rk_live_ rk_test_", rf"{_LETTER}{{16,}}+"),
    _tokens("whsec_", r"[A-Za-z0-9+/]{24,}+=*"),
    # https://platform.openai.com/docs/api-reference/authentication, https://docs.claude.com/en/api/overview
    _tokens("sk-proj- sk-svcacct- sk-admin- sk-ant- sk-or-", rf"{_MIXED}{{32,}}+"),
    _tokens("sk-", rf"{_LETTER}{{32,}}+"),
    # https://docs.npmjs.com/about-access-tokens, https://docs.pypi.org/api/secrets
    _tokens("npm_", rf"{_LETTER}{{36,}}+"),
    _tokens("pypi-AgE", r"[\w-]{50,}+"),
    # https://github.com/rust-lang/crates.io/blob/main/src/util/token.rs, https://guides.rubygems.org/api-key-scopes
    _tokens("cio cio_tp_", rf"{_LETTER}{{32}}{_END}"),
    _tokens("rubygems_", rf"{_LETTER}{{40,}}+"),
    # https://docs.docker.com/security/access-tokens, https://huggingface.co/docs/hub/security-tokens
    _tokens("dckr_pat_ dckr_oat_", rf"{_MIXED}{{20,}}+"),
    _tokens("hf_", rf"{_LETTER}{{30,}}+"),
    # https://docs.digitalocean.com/reference/api/create-personal-access-token
    _tokens("dop_v1_ doo_v1_ dor_v1_", rf"{_LETTER}{{40,}}+"),
    # https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys, https://www.twilio.com/docs/iam/api-keys
    _tokens("SG.", rf"[\w-]{{16,32}}\.{_MIXED}{{30,}}+"),
    _tokens("SK", rf"[0-9a-f]{{32}}{_END}"),
    # https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth; `cache-key-` and a checksum stay
    Shape(("key-",), rf"(?<![\w-])(key-)[0-9a-f]{{32}}{_END}"),
    # https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    _tokens("shpat_ shpca_ shppa_ shpss_", rf"{_LETTER}{{32,}}+"),
    # https://linear.app/developers/graphql, https://developers.notion.com/reference/authentication
    _tokens("lin_api_ lin_oauth_", rf"{_LETTER}{{32,}}+"),
    _tokens("ntn_ secret_", rf"{_LETTER}{{40,}}+"),
    # https://docs.databricks.com/aws/en/dev-tools/auth/pat
    _tokens("dapi", rf"[0-9a-f]{{32}}{_END}(?:-\d{_END})?"),
    # https://developer.hashicorp.com/vault/docs/concepts/tokens
    _tokens("hvs. hvb. hvr.", rf"{_MIXED}{{24,}}+"),
    # https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
    Shape((".atlasv1.",), rf"()(?<![A-Za-z0-9]){_LETTER}{{14}}\.atlasv1\.[\w=-]{{40,}}+"),
    # https://supabase.com/docs/guides/api/api-keys, https://supabase.com/docs/guides/platform/personal-access-tokens
    _tokens("sbp_ sbp_v0_", rf"{_LETTER}{{40,}}+"),
    _tokens("sb_secret_", rf"{_MIXED}{{20,}}+"),
    # https://devcenter.heroku.com/articles/authentication
    _tokens("HRKU-", rf"{_MIXED}{{32,}}+"),
    # https://developers.cloudflare.com/fundamentals/api/get-started/token-formats
    _tokens("cfk_ cfut_ cfat_", rf"{_MIXED}{{40,}}+"),
    # https://grafana.com/docs/grafana/latest/administration/service-accounts
    _tokens("glsa_", rf"{_LETTER}{{32,}}+\w*+"),
    # https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions
    _tokens("glc_", r"[A-Za-z0-9+/]{32,}+=*"),
    # https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
    _tokens("NRAK- NRII-", rf"{_MIXED}{{24,}}+"),
    # https://docs.doppler.com/reference/auth-token-formats
    _tokens("dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", rf"(?:[a-z0-9_-]{{2,35}}\.)?{_LETTER}{{40,}}+"),
    # https://tailscale.com/kb/1277/key-prefixes, https://age-encryption.org/v1
    _tokens("tskey-", rf"{_MIXED}{{20,}}+"),
    _tokens("AGE-SECRET-KEY-1", rf"[A-Z0-9]{{58}}{_END}"),
    # https://docs.x.ai, https://console.groq.com/docs, https://replicate.com/docs, https://docs.perplexity.ai
    _tokens("xai- gsk_ r8_ pplx-", rf"{_MIXED}{{32,}}+"),
    # https://docs.sentry.io/api/auth, https://www.figma.com/developers/api, https://vercel.com/docs/vercel-blob
    _tokens("sntrys_ figd_ vercel_blob_rw_", rf"{_MIXED}{{32,}}+(?:=\w++)?"),
    # RFC 7519; it begins where a word begins, so that no word is read twice
    Shape(("eyJ",), r"(?<![\w-])(eyJ)[\w-]{10,}+\.eyJ[\w-]{8,}+\.[\w-]{16,}+"),
)

# Nobody's password: `user:password@`, `${VAR}`, `%s`, `xxx`, `your-password`; `<password>` and `•••` match nothing.
_PLACEHOLDER = (
    r"(?i:x+|\*+|\.+|your[\w-]*|(?:my|the|some|db)?[_-]?(?:pass(?:word|wd|phrase)?|secret|token)|changeme"
    r"|x-oauth-basic|\$\w+|\$?\{[^}\s]{0,60}\}+|[$%]\([^)\s]{0,60}\)s?|\[[^\]\s]{0,60}\]|%s|%\w+%)"
)
# No spaces, nothing beyond ASCII, and nothing that ends a value in code or Markdown.
_VALUE = r"[^\x00-\x20\x7f-\U0010ffff\"'`<>|\\;]"
_IN_URL = r"[^\x00-\x20\x7f-\U0010ffff\"'`<>|\\/?#]"

# The same without brackets, which code has.
_PLAIN = r"[^\x00-\x20\x7f-\U0010ffff\"'`<>|\\;()\[\]{},]"
_SECRET_NAMES = ("password", "passwd", "passphrase", "secret", "token", "key")

# What is known by what stands before it. The marks are in lower case, and are looked for whatever the case.
PLACES = (
    # RFC 3986, section 3.2.1; a password with a bare `@` is common, so the last one counts
    Shape(("://",), rf"(://[^\s\"'`<>|\\/?#:]*:)(?!{_PLACEHOLDER}@){_IN_URL}+(?=@)"),
    # https://learn.microsoft.com/dotnet/framework/data/adonet/connection-string-syntax; `;password=read()` is code
    Shape(
        ("password=", "pwd="),
        rf"((?i:; ?(?:password|pwd)=|\b(?:password|pwd)=(?={_VALUE}{{1,64}};\w)))"
        rf"(?!{_PLACEHOLDER}(?!{_VALUE})|[A-Za-z_.]+\(){_VALUE}++",
    ),
    # https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html and the answers of STS
    _named("secret_access_key secretaccesskey", "secret_?access_?key", r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    _named("session_token sessiontoken security-token", "(?:session_?|security-)token", "[A-Za-z0-9/+=%]{100,}+"),
    # https://www.twilio.com/docs/iam/api
    _named("twilio", r"twilio_(?:auth_token|api_secret)", rf"{_LETTER}{{32}}{_END}"),
    # RFC 6750 and RFC 7617; an opaque token has a digit, a name and its password in base64 are of mixed case
    _named(
        "authorization",
        r"authorization[\"'`\\ ]*[:=,][\"'`\\ ]*(?:bearer|token)",
        r"(?=[\w.~+/=-]{0,60}\d)[\w.~+/=-]{16,}+",
    ),
    _named(
        "authorization",
        r"authorization[\"'`\\ ]*[:=,][\"'`\\ ]*basic",
        r"(?=[\w+/]{0,60}[A-Z])(?=[\w+/]{0,60}[a-z])[\w+/=-]{8,}+",
    ),
    # What people call secrets in .env files, configuration and code. A token has a digit, a password need not.
    Shape(
        ("password=", "passwd=", "passphrase=", "secret=", "token=", "key="),
        r"((?<![A-Za-z0-9_])[A-Z0-9_]{0,40}(?:PASSWORD|PASSWD|PASSPHRASE|"
        rf"(?:SECRET|TOKEN|API_?KEY|SECRET_KEY|ACCESS_KEY)(?==[\w-]{{0,60}}\d))=)"
        rf"(?!{_PLACEHOLDER}(?!{_VALUE})|[A-Za-z_.]+[(\[]|\$){_VALUE}{{6,}}+",
    ),
    Shape(
        _SECRET_NAMES,
        rf"((?i:password|passwd|passphrase)[\"']? ?(?:[:=]|=>) ?[\"'])(?!{_PLACEHOLDER}[\"']){_VALUE}{{8,}}+(?=[\"'])",
    ),
    Shape(
        _SECRET_NAMES,
        rf"((?i:secret|token|api[_-]?key|secret[_-]key|access[_-]key)[\"']? ?(?:[:=]|=>) ?[\"'])"
        rf"(?!{_PLACEHOLDER}[\"']|[\^~<>=v]{{0,2}}\d+\.\d)(?={_VALUE}{{0,60}}\d){_VALUE}{{12,}}+(?=[\"'])",
    ),
    Shape(
        _SECRET_NAMES,
        rf"((?i:password|passwd|passphrase|secret|token|api[_-]?key): )(?!{_PLACEHOLDER}(?!{_VALUE}))"
        rf"(?={_PLAIN}{{0,60}}\d)(?={_PLAIN}{{0,60}}[A-Za-z]){_PLAIN}{{8,}}+(?=[\s\"'`<>|\\;.]|[^\x00-\x7f]|\Z)",
    ),
    Shape(
        ("token=", "key=", "secret=", "password=", "passwd=", "auth="),
        rf"([?&](?i:[a-z_-]{{0,20}}(?:token|key|secret|password|passwd|auth))=)(?!{_PLACEHOLDER}(?!{_VALUE}))"
        r"(?=[^\s&#\"'`<>]{0,60}\d)[^\x00-\x20\x7f-\U0010ffff&#\"'`<>|\\]{12,}+",
    ),
    # https://curl.se/docs/manpage.html#-u
    Shape(
        (" -u ", " --user "),
        rf"((?<=\s)(?:-u|--user) [\"']?[^\s:\"']{{1,64}}:)(?!{_PLACEHOLDER}(?!{_VALUE})){_VALUE}{{4,}}+",
    ),
)
