"""No secret leaves the machine, whether a text is finished or still growing; a text without secrets is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herald.formatting import Piece, Stream, cover, render
from herald.formatting.clean import clean
from herald.formatting.secret_shapes import PLACES, TOKENS
from herald.formatting.secrets import mask, unfinished


def made_up(length: int) -> str:
    """Make a body of a token; together with its prefix it exists only while the tests run."""
    return ("a1B2c3D4" * 40)[:length]


HEX = "0a1b2c3d" * 8
KEY = made_up(64)
BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"

# (what is shown, what is hidden after it, what is shown after that)
SHOWN_AND_HIDDEN = [
    *((f'{name}: "', made_up(20), '"') for name in ["password", '"api_key"', "client-secret", "access_token"]),
    ("passphrase = '", "a1B2c3D4a1B2", "',"),
    ("https://example.com/?a=1&access_token=", made_up(24), "&x=1"),
    *((prefix, "A1B2C3D4E5F6G7H8", "") for prefix in ["AKIA", "ASIA"]),
    *((prefix, made_up(100) + "=", "") for prefix in ["ABSK", "bedrock-api-key-"]),
    *(("aws_secret_access_key" + sep, made_up(40), "") for sep in [" = ", "=", " "]),
    ("export AWS_SECRET_ACCESS_KEY='", made_up(40), "'"),
    ("<SecretAccessKey>", made_up(40), "</SecretAccessKey>"),
    ("aws_session_token = ", made_up(300) + "==", ""),
    ('"SessionToken": "', made_up(300), '"'),
    ("X-Amz-Security-Token=", made_up(120) + "%2F", "&x=1"),
    ("AIza", made_up(35), ""),
    *((prefix, made_up(28), "") for prefix in ["ya29.", "GOCSPX-", "1//"]),
    ("AccountName=a;AccountKey=", made_up(86) + "==", ";EndpointSuffix=core.windows.net"),
    ("SharedAccessKeyName=a;SharedAccessKey=", made_up(43) + "=", ""),
    ("https://a.blob.core.windows.net/b?sv=2024&sig=", made_up(43) + "%3D", "&se=1"),
    ("secret: ", "aB18Q~" + made_up(34), ""),
    *((prefix, made_up(36), "") for prefix in ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]),
    ("ghs_", f"123456_eyJ{made_up(40)}.eyJ{made_up(60)}.{made_up(80)}", ". Next"),
    ("github_pat_", made_up(22) + "_" + made_up(59), ""),
    *((prefix, made_up(20), "") for prefix in ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glagent-", "glsoat-"]),
    ("glpat-", made_up(27) + ".01.0a1b2c3d4", ""),
    ("ATBB", made_up(32), ""),
    *((prefix, made_up(180) + "=0A1B2C3D", "") for prefix in ["ATATT3x", "ATCTT3x"]),
    *((prefix, "1234567890-" + made_up(24), "") for prefix in ["xoxb-", "xoxp-", "xoxe-", "xoxe.xoxp-"]),
    ("xapp-", "1-A0B1C2D3-1234567890-" + HEX, ""),
    ("https://hooks.slack.com/services/", "T0A1B2C3D/B0A1B2C3D/" + made_up(24), ""),
    ("bot ", "MTk4" + made_up(22) + ".a1B2c3." + made_up(27), ""),
    ("https://discord.com/api/webhooks/123456789012345678/", made_up(68), ""),
    ("123456789:", "AA" + made_up(33), ""),
    ("https://api.telegram.org/bot1234567890:", "AA" + made_up(33), "/getMe"),
    *((prefix, made_up(24), "") for prefix in ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"]),
    ("sk-", made_up(48), ""),
    *((prefix, made_up(60) + "_-" + made_up(40), "") for prefix in ["sk-proj-", "sk-svcacct-", "sk-ant-"]),
    *((prefix, made_up(36), "") for prefix in ["npm_", "hf_", "dckr_pat_", "lin_api_", "shpss_", "tskey-"]),
    ("pypi-AgE", made_up(160), ""),
    *((prefix, made_up(32), "") for prefix in ["cio", "cio_tp_", "shpat_", "shpca_", "shppa_", "glsa_", "NRAK-"]),
    *((prefix, HEX[:48], "") for prefix in ["rubygems_", "dop_v1_", "doo_v1_", "dor_v1_", "sbp_"]),
    ("SG.", made_up(22) + "." + made_up(43), ""),
    *((prefix, HEX[:32], "") for prefix in ["SK", "key-", "dapi", "TWILIO_AUTH_TOKEN="]),
    ("dapi", HEX[:32] + "-2", ""),
    *((prefix, made_up(50), "") for prefix in ["ntn_", "secret_", "hvs.", "hvb.", "sb_secret_", "HRKU-", "cfut_"]),
    ("token = ", made_up(14) + ".atlasv1." + made_up(67), ""),
    ("glc_", made_up(100) + "=", ""),
    ("dp.pt.", made_up(43), ""),
    ("dp.st.", "prd_eu." + made_up(43), ""),
    ("AGE-SECRET-KEY-1", "A1B2" * 14 + "QZ", ""),
    ("eyJ", f"{made_up(20)}.eyJ{made_up(60)}.{made_up(43)}", ""),
    ("Authorization: Bearer ", made_up(32), ""),
    ("-H 'authorization: token ", made_up(32), "'"),
    ('{"Authorization": "Basic ', "YWRtaW46" + "aHVudGVyMg==", '"}'),
    ("postgres://user:", "hunter2", "@host:5432/db?sslmode=require"),
    ("mongodb+srv://u:", "p@ss:w0rd", "@cluster0.example.net"),
    ("redis://:", "pw", "@host"),
    ("Server=a;User Id=sa;Password=", "Hunter2!", ";Encrypt=True"),
    ("Driver={x}; PWD=", "Hunter2!", ";"),
    ("Pwd=", "Hunter2!", ";Server=a"),
]
SAMPLES = [(before + hidden + after, before + "•••" + after, hidden) for before, hidden, after in SHOWN_AND_HIDDEN]

KEYS = [
    (f"{BEGIN}\n{KEY}\n{KEY}\nab==\n{END}", f"{BEGIN}\n•••\n{END}"),
    (f"```\n{BEGIN}\n{KEY}\n{END}\n```\nThat is all.", f"```\n{BEGIN}\n•••\n{END}\n```\nThat is all."),
    (
        f'{{"private_key": "{BEGIN}\\n{KEY}\\n{END}\\n", "a": 1}}',
        f'{{"private_key": "{BEGIN}\\n•••\\n{END}\\n", "a": 1}}',
    ),
    (f"key: |\n  {BEGIN}\n  {KEY}\n  {END}\n", f"key: |\n  {BEGIN}\n  •••\n  {END}\n"),
    (f"> {BEGIN}\n> {KEY}\n> {END}", f"> {BEGIN}\n> •••\n> {END}"),
    (f"{BEGIN} {KEY} {KEY} {END}", f"{BEGIN} ••• {END}"),
    (f"{BEGIN}\n{KEY}\n[...]\n{KEY}\n{END}", f"{BEGIN}\n•••\n{END}"),
    (f"{BEGIN}\nshort\n{END}", f"{BEGIN}\n•••\n{END}"),
    (
        f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n{KEY}\n-----END RSA",
        "-----BEGIN RSA PRIVATE KEY-----\n•••\n-----END RSA",
    ),
    (
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: Jo B\n\n{KEY}\n=aB1c\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n•••\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (f"Private-Lines: 2\n{KEY}\nab==\nPrivate-MAC: {HEX}", f"Private-Lines: 2\n•••\nPrivate-MAC: {HEX}"),
    (f"{BEGIN}\n{KEY}\n{KEY}\nab", f"{BEGIN}\n•••"),
    (f"{BEGIN}\n{KEY}\n[10 lines left out]\n{KEY}\nab==\n", f"{BEGIN}\n•••\n"),
    (f"```\n{BEGIN}\n{KEY}\n```\nThese are the first lines.", f"```\n{BEGIN}\n•••\n```\nThese are the first lines."),
    (f"{BEGIN}\n{KEY}\n-----BEGIN CERTIFICATE-----\n{KEY}", f"{BEGIN}\n•••\n-----BEGIN CERTIFICATE-----\n{KEY}"),
]

HARMLESS = [
    *("password: str", 'token = request.headers.get("x-token")', "const token = await getToken()", "max_tokens: 4096"),
    *('API_KEY=os.environ["API_KEY"]', "PASSWORD=${DB_PASSWORD}", "API_KEY=$API_KEY", "TOKEN=<your token>"),
    *('"jsonwebtoken": "^9.0.2-beta.1"', 'secretName: "my-app-tls"', 'token: "your-token-here"', "?page=1&key=name"),
    *("token: the value", 'type: "password1234"', "git push -u origin main", 'password="password"'),
    "Prefixes such as `ghp_`, `ghp_xxx`, `sk-...`, `AKIA…` and `xoxb-` alone give nothing away.",
    "Set `GITHUB_TOKEN`, `AWS_SECRET_ACCESS_KEY` and `ANTHROPIC_API_KEY` in the environment.",
    "export OPENAI_API_KEY=sk-your-key-goes-here-and-nowhere-else-in-the-project",
    "ANTHROPIC_API_KEY=sk-ant-put-your-own-key-from-the-console-in-here",
    "glpat-your-personal-access-token-here and xoxb-your-bot-token-goes-here",
    "aws_secret_access_key = YOUR_SECRET_ACCESS_KEY",
    "commit 8c7e5f1a2b3d4c5e6f708192a3b4c5d6e7f80912",
    "id 550e8400-e29b-41d4-a716-446655440000, sha256:" + HEX,
    "![dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
    "integrity sha512-" + made_up(86) + "==",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + made_up(43) + " me@laptop",
    f"-----BEGIN CERTIFICATE-----\n{KEY}\n-----END CERTIFICATE-----",
    f"-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----",
    f"It starts with `{BEGIN}` and ends with `{END}`.",
    f"The {BEGIN} header is missing; add it and {END} after the last line.",
    f"```\n{BEGIN}\n...\n{END}\n```",
    f"{BEGIN}\n<your key>\n{END}",
    f"{BEGIN}\nYOUR_KEY_IN_BASE64\n{END}",
    "grep -c 'BEGIN RSA PRIVATE KEY' id_rsa",
    "Private-Lines: how many lines of the file are the key",
    "postgres://user:password@localhost:5432/db",
    "postgres://user:${DB_PASSWORD}@localhost, redis://:$REDIS_PASSWORD@cache",
    "mysql://root:<password>@localhost, amqp://guest:xxx@mq, ftp://me:***@host, smtp://a:your-password@b",
    'f"postgresql://{user}:{password}@{host}/{name}" % ()',
    "`https://%s:%s@example.com`, `https://user:%PASSWORD%@example.com`",
    "http://localhost:8080/@fs/src/main.ts and https://registry.npmjs.org:443/@types/node",
    "https://example.com:8443?next=a@example.org and https://mastodon.social/@somebody",
    "git clone git@github.com:owner/name.git; ssh://git@host:22/path",
    "Server=a;User Id=sa;Password=<password>;Encrypt=True",
    "Server=a;User Id=sa;Password={password};",
    "password = input(); password=getpass.getpass()",
    "def login(user: str, password: str = '') -> Session: ...",
    "Authorization: Bearer <token>",
    "headers = {'Authorization': f'Bearer {token}'}",
    "curl -H 'Authorization: Bearer $GITHUB_TOKEN' -H 'Authorization: Bearer YOUR_ACCESS_TOKEN_HERE'",
    "Send `Authorization: Basic <base64>`; see Authorization: Basic authentication",
    "asyncio.run_coroutine_threadsafe, sk-toggleable__label-arrow, npm_config_registry_url, hf_hub_download",
    "task-0123456789abcdef0123456789abcdef and disk-" + HEX[:32],
    "cache-key-d41d8cd98f00b204e9800998ecf8427e",
    "SKU 0123456789, MSG.send_in_background.with_a_long_name_that_goes_on_and_on",
    "2026-01-02T03:04:05.678901+00:00 INFO herald.app: started pid=12345 in 12345678:us",
    "src/herald/formatting/secret_shapes.py:120, node_modules/@babel/plugin-transform-runtime/lib/index.js",
    "kubectl get secret/my-app-credentials -o jsonpath='{.data.token}'",
    "com.example.MyVeryLongClassName.someMethod.anotherVeryLongMethodNameThatIsLong",
    "eyJ is how every JSON object begins in base64: eyJhIjoxfQ==",
    "secret_key_base, secret_manager_client_with_quite_a_long_name, shpat_, dapi_client",
    "密钥应放在环境变量里，不要写进代码。Ключи храните в переменных окружения.",
    "| name | value |\n|---|---|\n| AWS_SECRET_ACCESS_KEY | from the vault |",
]


@pytest.mark.parametrize(("text", "masked", "_hidden"), SAMPLES)
def test_a_secret_is_hidden_and_its_kind_is_shown(text: str, masked: str, _hidden: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(("text", "masked", "_hidden"), SAMPLES)
@pytest.mark.parametrize("around", ["The value is {}, keep it.", "- `{}`", "```sh\n{}\n```", "| a | {} |", "值是 {}。"])
def test_it_is_hidden_in_prose_and_in_code(text: str, masked: str, _hidden: str, around: str) -> None:
    assert mask(around.format(text)) == around.format(masked)


@pytest.mark.parametrize(
    "around", ['A="{}"', "A={}", "a: {}", '{{"a":"{}"}}', "(?a={}&b=1)", "**{}**", "是{}吗", "<{}>"]
)
@pytest.mark.parametrize("prefix", ["ghp_", "npm_", "sk-", "shpat_"])
def test_a_token_is_found_next_to_anything_but_letters_and_digits(prefix: str, around: str) -> None:
    assert mask(around.format(prefix + made_up(48))) == around.format(prefix + "•••")
    assert mask(f"x{prefix}{made_up(48)}") == f"x{prefix}{made_up(48)}"


def test_colours_do_not_hide_a_token() -> None:
    assert mask(f"\x1b[31mgh\x1b[0mp_{made_up(18)}\x1b[1m{made_up(18)}\x1b[0m ok") == "ghp_••• ok"


def test_an_environment_is_shown_without_its_secrets() -> None:
    environment = {
        "HOME": ("/home/me", "/home/me"),
        "GITHUB_TOKEN": ("ghp_" + made_up(36), "ghp_•••"),
        "DATABASE_URL": ("postgres://app:" + "s3cret" + "@db/app", "postgres://app:•••@db/app"),
        "AWS_ACCESS_KEY_ID": ("AKIA" + "A1B2" * 4, "AKIA•••"),
        "AWS_SECRET_ACCESS_KEY": (made_up(40), "•••"),
        "TERM": ("xterm-256color", "xterm-256color"),
    }
    before, after = ("\n".join(f"{name}={both[side]}" for name, both in environment.items()) for side in (0, 1))
    assert mask(f"```\n{before}\n```") == f"```\n{after}\n```"


def test_a_token_in_a_url_keeps_its_prefix() -> None:
    assert mask(f"https://oauth2:glpat-{made_up(20)}@gitlab.com/a") == "https://oauth2:glpat-•••@gitlab.com/a"
    assert mask(f"https://ghp_{made_up(36)}:x-oauth-basic@github.com") == "https://ghp_•••:x-oauth-basic@github.com"


@pytest.mark.parametrize(("text", "masked"), KEYS)
def test_a_private_key_is_hidden_and_its_lines_stay(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_without_secrets_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_a_text_is_cleaned_on_the_way() -> None:
    assert mask("\x1b[1mbold\x1b[0m\r\nnext") == clean("\x1b[1mbold\x1b[0m\r\nnext") == "bold\nnext"


def test_given_secrets_are_hidden_wherever_they_are() -> None:
    assert mask("it is hunter2hunter2, `hunter2hunter2`", ["hunter2hunter2"]) == "it is •••, `•••`"
    assert mask("longer-secret-1 and longer-secret", ["longer-secret", "longer-secret-1"]) == "••• and •••"
    assert mask("https://example.com/?pw=p%40ss%2Fw%C3%B6rd", ["p@ss/wörd"]) == "https://example.com/?pw=•••"
    assert mask("100% p@ss/wörd", ["p@ss/wörd"]) == "100% •••"


def test_short_given_secrets_are_ignored() -> None:
    assert mask("a test of 1234567", ["", "test", "1234567"]) == "a test of 1234567"


def test_a_token_after_a_given_secret_is_hidden_too() -> None:
    assert mask(f"hunter2hunter2ghp_{made_up(36)}", ["hunter2hunter2"]) == "•••ghp_•••"


def shown(growing: str) -> str:
    return mask(growing[: len(growing) - unfinished(growing)])


@pytest.mark.parametrize(
    ("growing", "visible"),
    [
        ("The token is ghp_abc", "The token is "),
        ("The token is ghp_abc ", "The token is ghp_abc "),
        ("密钥是ghp_abc", "密钥是"),
        ("密钥在环境变量里", "密钥在环境变量里"),
        ("Ключ", "Ключ"),
        ("one\ntwo", "one\n"),
        ("Look: -----BEGIN RS", "Look: "),
        ("Look: -----BEGIN RSA PRIVATE KEY--", "Look: "),
        ("Look: -----BEGIN CERT", "Look: "),
        ("Look: -----BEGIN CERTIFICATE-----\n", "Look: -----BEGIN CERTIFICATE-----\n"),
        (f"Look: {BEGIN}\n", "Look: "),
        (f"Look: {BEGIN}\n{KEY}\n{KEY}\n", "Look: "),
        (f"Look: {BEGIN}\n{KEY}\n{END}", "Look: "),
        (f"Look: {BEGIN}\n{KEY}\n{END}\n", f"Look: {BEGIN}\n•••\n{END}\n"),
        (f"The {BEGIN} header is ", f"The {BEGIN} header is "),
        (f"Private-Lines: 1\n{KEY}\n", ""),
        (f"a {BEGIN * 20}\n", f"a {BEGIN * 19}".removesuffix("KEY-----")),
        (f"Look: {BEGIN}\n{KEY}\nPrivate-Lines: ", "Look: "),
        ("red: \x1b[3", ""),
        ("one\n\x1b[31mtwo", "one\n"),
        (f"one\n\x1b[31m{BEGIN}\n{KEY}\nab", ""),
    ],
)
def test_a_growing_text_waits_for_what_may_become_a_secret(growing: str, visible: str) -> None:
    assert shown(growing) == visible


@pytest.mark.parametrize(
    "text",
    [*(f"So: `{text}`, ok\n" for text, _, _ in SAMPLES), *(f"So:\n{text}\n\nok " for text, _ in KEYS), *HARMLESS],
)
def test_a_growing_text_only_grows_at_its_end(text: str) -> None:
    views = [shown(text[:length]) for length in range(len(text) + 1)]
    assert all(after.startswith(before) for before, after in zip(views, [*views[1:], mask(text)], strict=True))


BITS = (
    st.sampled_from([text for text, _, _ in SAMPLES])
    | st.sampled_from([mark for shape in (*TOKENS, *PLACES) for mark in shape.marks])
    | st.sampled_from(["-----", "Comment: ", KEY, "\\n", "aB==", "a1B2c3D4e5F6g7H8"])
    | st.sampled_from(
        [" ", "\n", "\r\n", "\t", " = ", '"', "'", "`", "```\n", "> ", ": ", ";", "@", "/", ".", "-", "_"]
    )
    | st.sampled_from(
        ["\x1b[31m", "\x1b[0m", "\x1b]8;;x y\x07", "\x1b", "\u0333", "\ufeff", "\ud83d", "•••", "是", "é"]
    )
    | st.text(max_size=5)
    | st.text("ABZabz019+/=", min_size=1, max_size=45)
)
TEXTS = st.lists(BITS, max_size=10).map("".join)
TEXTS_WITH_A_KEY = st.builds("{}\n{}\n{}".format, TEXTS, st.sampled_from([text for text, _ in KEYS]), TEXTS)
ANYTHING = TEXTS | TEXTS_WITH_A_KEY
BROKEN_KEYS = st.lists(
    st.sampled_from(
        [BEGIN, f"{BEGIN}\n{KEY}\n", END, "\n", "Private-Lines: 2\n", "Private-MAC: a", "prose here", "ab"]
    ),
    max_size=10,
).map("".join)


@settings(max_examples=300)
@given(ANYTHING | BROKEN_KEYS)
def test_masking_twice_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@settings(max_examples=200)
@given(TEXTS, st.lists(st.text("abcAB1-_%@", min_size=8, max_size=12), max_size=3))
def test_given_secrets_never_show(text: str, secrets: list[str]) -> None:
    masked = mask(" ".join([text, *secrets, text]), secrets)
    assert not any(secret in masked for secret in secrets)
    assert mask(masked, secrets) == masked


@settings(max_examples=100)
@given(ANYTHING)
def test_what_is_shown_of_a_growing_text_is_how_the_finished_one_begins(text: str) -> None:
    masked = mask(text)
    for length in range(len(text)):
        assert masked.startswith(shown(text[:length]))


@settings(max_examples=200)
@given(ANYTHING.map(lambda text: text.replace("\ufeff", "")), st.lists(st.integers(0, 1000), max_size=9).map(sorted))
def test_lines_can_be_masked_as_they_are_shown(text: str, lengths: list[int]) -> None:
    assert in_lines(text, lengths) == mask(text)


@settings(max_examples=200)
@given(BROKEN_KEYS, st.lists(st.integers(0, 1000), max_size=9).map(sorted))
def test_no_line_of_a_key_shows_however_it_is_broken(text: str, lengths: list[int]) -> None:
    # it may be hidden in another way than in the finished text
    assert KEY not in mask(text)
    assert KEY not in in_lines(text, lengths)
    assert not any(KEY[:24] in shown(text[:length]) for length in lengths)


def in_lines(text: str, lengths: list[int]) -> str:
    """Mask the lines of a growing text as soon as they may be shown, and in the end what is left."""
    done, masked = 0, ""
    for length in lengths:
        growing = text[done:length]
        lines = growing[: len(growing) - unfinished(growing)].rpartition("\n")
        masked += mask(lines[0] + lines[1])
        done += len(lines[0] + lines[1])
    return masked + mask(text[done:])


@settings(max_examples=200)
@given(st.text(), st.sampled_from(SAMPLES), st.text())
def test_a_secret_is_hidden_whatever_lines_are_around_it(before: str, sample: tuple[str, str, str], after: str) -> None:
    text, masked, hidden = sample
    assert f"\n{masked}\n" in mask(f"{before}\n{text}\n{after}")
    assert hidden not in shown(f"{before}\n{text}")


HOSTILE = [
    *(mark for shape in (*TOKENS, *PLACES) for mark in shape.marks),
    *(
        "eyJ-",
        "eyJaaaaaaaaaaaa.",
        "://:@",
        "://a:{",
        "12345678:",
        "M.",
        "aaa8Q~",
        "\x1b[",
        ";pwd=",
        "Authorization: Bearer ",
    ),
    *(BEGIN, BEGIN + "\n", f"{BEGIN}\nabcd\n", f"{BEGIN}\n{KEY}", f"{BEGIN}\nComment:", f"{BEGIN}\n1\t"),
    *("Private-Lines: 1\n", "Private-Lines: 1\na\n"),
]
STARTS = ["", f"{BEGIN}\n{KEY}\n", f"{BEGIN}\nComment:", "Private-Lines: 3\n", "://a:", "Authorization: Bearer ", "eyJ"]


@pytest.mark.parametrize(
    "text",
    [shape * (100_000 // len(shape)) for shape in HOSTILE]
    + [start + filler * 50_000 for start in STARTS for filler in ["a", " ", "\n", "a\n", "A1", "\\n", "@", "="]],
    ids=lambda text: repr(text[:40]),
)
def test_hostile_text_does_not_take_forever(text: str) -> None:
    assert mask(mask(text)) == mask(text)
    assert 0 <= unfinished(text) <= len(text)


@pytest.mark.parametrize(
    ("shown_part", "hidden"),
    [
        ("DB_PASSWORD=", "correct-horse"),
        ("export SECRET_KEY=", "django-insecure-" + made_up(20)),
        ("password: ", made_up(12) + "&3"),
        ("  api_key: ", made_up(12)),
        ("curl -u admin:", made_up(12)),
    ],
)
def test_settings_and_commands_keep_their_names_only(shown_part: str, hidden: str) -> None:
    for end in ("\n", " # note", "\n```", "` and", "|"):
        assert mask(f"a\n{shown_part}{hidden}{end}") == f"a\n{shown_part}•••{end}"


BODY = made_up(36)
LINES = [BEGIN, KEY, KEY, "ab==", END]


@pytest.mark.parametrize(
    "markdown",
    [
        f"ghp\\_{BODY}",
        f"|x|\n|-|\n|ghp\\_{BODY}|",
        f"ghp&#95;{BODY}",
        f"**ghp**_{BODY}",
        f"ghp_{BODY[:10]}**{BODY[10:30]}**{BODY[30:]}",
        f"ghp_{BODY[:18]}`{BODY[18:]}`",
        f"ghp_{BODY[:10]}&#8238;{BODY[10:]}",
        "postgres://app:a1B2c3D4a1B2\\_Pw99@db/x",
        f"**AWS_SECRET_ACCESS_KEY**: {BODY}abcd",
        f"aws\\_secret\\_access\\_key = {BODY}abcd",
        f"|name|AWS_SECRET_ACCESS_KEY|\n|-|-|\n|prod|{BODY}abcd|",
        "**" + BEGIN + "**\n" + "\n".join(LINES[1:]),
        "\n".join(f"`{line}`" for line in LINES),
        "\n".join(f"- {line}" for line in LINES),
        "\n".join(f"{number}. {line}" for number, line in enumerate(LINES, 1)),
        "\n".join(f"{number}:{line}" for number, line in enumerate(LINES, 1)),
        "|key|\n|-|\n|" + "<br>".join(LINES) + "|",
        "&#10;".join(LINES),
    ],
)
def test_a_secret_that_markdown_keeps_apart_does_not_come_together_in_the_chat(markdown: str) -> None:
    pieces = cover(render(mask(markdown)), mask)
    stream = Stream()
    frames = [piece for length in range(len(markdown)) for piece in stream.update(markdown[:length])]
    final = stream.update(markdown, is_final=True)
    assert "•••" in pieces[0].text
    assert "•••" in final[0].text
    for piece in pieces + frames + final:
        assert KEY[:12] not in piece.text
        assert KEY[:12] not in piece.html


def test_what_is_hidden_may_need_another_message() -> None:
    wide = "password=x;a " * 400
    assert (
        sum(len(piece.text) for piece in cover([Piece(wide, wide, len(wide))], lambda text: text + "y" * 1000)) > 5000
    )
