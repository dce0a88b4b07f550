from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.domain.address import NO_NETWORKS, AllowedNetworks
from gateway.domain.url import check_url, origin, shorten
from gateway.errors import InvalidRequest
from tests.support.targets import PUBLIC, denied_urls

LOCAL = AllowedNetworks.parse("127.0.0.0/8, org_x=10.1.2.0/24")


def check(text: str, allowed: AllowedNetworks = NO_NETWORKS, org_id: str = "org_1") -> str:
    return check_url(text, allowed=allowed, org_id=org_id).text


def refused(text: str, allowed: AllowedNetworks = NO_NETWORKS, org_id: str = "org_1") -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        check(text, allowed, org_id)
    assert caught.value.status == 422
    assert caught.value.details[0].field == "url"
    return caught.value


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Hook?a=1&b=%20", "https://example.com/Hook?a=1&b=%20"),
        ("https://example.com.:8443/x", "https://example.com:8443/x"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://example.com?q=1", "https://example.com/?q=1"),
        ("https://my_host.example.com/a//b/../c", "https://my_host.example.com/a//b/../c"),
        ("https://1.1.1.1/", "https://1.1.1.1/"),
        ("https://[2606:4700:4700:0::1111]:1024/", "https://[2606:4700:4700::1111]:1024/"),
        ("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"),
        ("https://example.com:/x:y@z", "https://example.com/x:y@z"),
        ("https://3com.example/", "https://3com.example/"),
    ],
)
def test_good_urls_are_stored_in_one_form(text: str, stored: str) -> None:
    assert check(text) == stored
    assert check(stored) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "https:/example.com",
        "https://",
        "https:///path",
        "https://?q",
        "https://:443/",
        "https://user@example.com/",
        "https://user:pw@example.com/",
        "https://@example.com/",
        "https://example.com/#part",
        "https://a.b#",
        "https://exam ple.com/",
        "https://example.com/\t",
        "https://example.com/\r\nX: y",
        "\nhttps://example.com/",
        "https://example.com\\@evil.example/",
        "https://example.com/\x00",
        "https://exa\u00admple.com/",
        "https://example.com/\u200b",
        "https://example.com/\ud800",
        "https://example.com/\u2028",
        "https://xn--/",
        "https://xn--zz/",
        "https://a..b/",
        "https://-a.example/",
        "https://a-.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://exa%6dple.com/",
        "https://exa<mple.com/",
        "https://[::1/",
        "https://::1/",
        "https://[]/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:99999/",
        "https://example.com:-1/",
        "https://example.com:4٤3/",
        "https://example.com:443:443/",
        "https://example.com:25/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:1023/",
        "https://example.com:6667/",
        "https://example.com:2049/",
        "https://example.com:10080/",
        "http://example.com/",
        "http://1.1.1.1/",
        "https://example.com/" + "a" * 2048,
        "https://localhost/",
        "https://intranet/",
        "https://host.internal/",
        "https://.../",
        "https://./",
        "https://example.com../",
    ],
)
def test_bad_urls_are_refused(text: str) -> None:
    refused(text)


@pytest.mark.proof
def test_denied_targets_are_refused_in_every_spelling_at_save() -> None:
    urls = denied_urls()
    assert len(urls) >= 250
    denied = sum(refused(url).code == "target_denied" for url in urls)
    public = [f"https://[{a}]/" if ":" in a else f"https://{a}/" for a in PUBLIC]
    for url in public:
        check(url)
    # Control: a check that trusts the standard library's parser and its idea of "global".
    leaks = [url for url in urls if not _naively_denied(url)]
    assert len(leaks) >= 250
    print(f"refused {len(urls)} URLs ({denied} as target_denied), took {len(public)} public ones;")
    print(f"`urlsplit` with `is_global` would let {len(leaks)} of them through")


def _naively_denied(url: str) -> bool:
    try:
        return not ip_address(urlsplit(url).hostname or "").is_global
    except ValueError:
        return False


def test_a_literal_in_an_allowed_network_may_use_http_and_any_port() -> None:
    assert check("http://127.0.0.1:22/", LOCAL) == "http://127.0.0.1:22/"
    assert check("http://127.0.0.1/", LOCAL) == "http://127.0.0.1/"
    assert check("https://[::ffff:127.0.0.1]:6667/", LOCAL)
    assert check("http://10.1.2.3:81/", LOCAL, "org_x")
    assert refused("http://10.1.2.3:81/", LOCAL, "org_y").code == "target_denied"
    assert refused("http://169.254.169.254/", AllowedNetworks.parse("0.0.0.0/0")).code == "target_denied"
    assert refused("http://8.8.8.8/", LOCAL).code == "invalid_request"
    assert refused("http://2130706433/", LOCAL)


def test_local_names_are_decided_at_dial_where_networks_are_allowed() -> None:
    for text in (
        "http://localhost:9000/",
        "https://intranet/",
        "http://crm.internal/",
        "https://a.localhost/",
    ):
        assert check(text, LOCAL)
    only_x = AllowedNetworks.parse("org_x=10.0.0.0/8")
    assert check("http://crm.internal/", only_x, "org_x")
    refused("http://crm.internal/", only_x, "org_y")
    refused("http://localhost:22/", LOCAL)


def test_the_field_can_be_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_url("nonsense", allowed=NO_NETWORKS, org_id=None, field="base_url")
    assert caught.value.details[0].field == "base_url"


def test_origin_and_short_form() -> None:
    assert origin("https://Example.com/a?b") == ("https", "example.com", 443)
    assert origin("https://example.com:8443/") != origin("https://example.com/")
    assert origin("http://example.com/") != origin("https://example.com/")
    assert shorten("https://example.com/services/T0/SECRET?x=1") == "https://example.com/…"
    assert shorten("https://example.com?token=1") == "https://example.com/…"
    assert shorten("https://[2606:4700::1]:8443/a") == "https://[2606:4700::1]:8443/…"
    assert shorten("https://example.com/") == "https://example.com/"


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(max_size=40).map(lambda rest: f"https://{rest}"),
        st.from_regex(r"https?://[a-zA-Z0-9.\-_\[\]:@%①xX０]{1,30}(/[!-~]{0,10})?", fullmatch=True),
    )
)
@example("https://xn--/")
@example("https://xn--a\u0301/")
@example("https://[::1]@example.com/")
@example("https://\u3002/")
def test_whatever_is_taken_every_parser_reads_alike(text: str) -> None:
    try:
        target = check_url(text, allowed=LOCAL, org_id="org_x")
    except InvalidRequest:
        return
    read = URL(target.text, encoded=True)
    assert (read.scheme, read.raw_host, read.port) == target.origin
    split = urlsplit(target.text)
    assert (split.scheme, split.hostname, split.port or read.port) == target.origin
    assert target.text.isascii()
    assert check_url(target.text, allowed=LOCAL, org_id="org_x") == target
