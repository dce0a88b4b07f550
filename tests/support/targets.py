"""Addresses and URLs that must never be dialed, and some that may: what the guard's proofs run over."""

from __future__ import annotations

import ipaddress


def words(text: str) -> list[str]:
    return text.split()


DENIED_V4 = words("""
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.254 100.64.0.1 100.127.255.254 100.100.100.200 127.0.0.1 127.0.0.2
127.1.2.3 127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 169.254.42.42 172.16.0.1
172.31.255.254 192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1
192.168.255.254 192.175.48.1 198.18.0.1 198.19.255.254 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250
240.0.0.1 255.255.255.254 255.255.255.255
""")

DENIED_V6 = words("""
:: ::1 ::2 fe80::1 febf::1 fec0::1 fc00::1 fd00::1 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42
ff02::1 ff0e::1 100::1 100:0:0:1::1 64:ff9b::1 64:ff9b:1::1 2001::1 2001:2::1 2001:3::1 2001:4:112::1
2001:10::1 2001:20::1 2001:30::1 2001:1ff::1 2001:db8::1 2001:db8:ffff::1 2002::1 2002:808:808::1 3ffe::1
3fff::1 3fff:fff::1 2620:4f:8000::1 4000::1 5f00::1 8000::1 e000::1 200::1 1::1
""")

# Other spellings of 127.0.0.1 and 169.254.169.254, as C libraries, browsers and curl read them.
ODD_HOSTS = words("""
2130706433 0x7f000001 0x7F000001 017700000001 127.1 127.0.1 0x7f.1 0x7f.0.0.1 0177.0.0.1 0177.0.0.0x1
127.0.0.01 127.00.0.1 127.0.0.1. 127.0.0.0x1 1.0x7f 00000177.1 0 0.0 0x0 0x 2852039166 0xa9fea9fe
025177524776 169.254.43518 169.16689662 0xa9.0xfe.0xa9.0xfe 0251.0376.0251.0376 169.254.0xa9fe 256.0.0.1
127.0.0.1.1 999.999.999.999 4294967295 4294967296 00127.0.0.1 example.com.127 127.0.0.1.. ①②⑦.⓪.⓪.①
１２７.０.０.１ 127。0。0。1 127．0．0．1 ①69.254.169.254 ¹²⁷.⁰.⁰.¹ １２７.1 ٣.٣.٣.٣ %31%32%37.0.0.1
127.0.0.1%00.example.com 127.0.0.1%2eexample.com [::ffff:127.0.0.1] [::ffff:7f00:1]
[0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [::1%25eth0] [fe80::1%25lo] [::1%lo] [::ffff:0:127.0.0.1]
[64:ff9b::7f00:1] [2002:7f00:1::] [0000::0001] [::0.0.0.1] [::1]x [::1 ::1] [127.0.0.1] localhost LOCALHOST
localhost. app.localhost localhost.localdomain metadata metadata.google.internal printer.local router.lan
nas.home.arpa ⓛⓞⓒⓐⓛⓗⓞⓢⓣ
""")

PUBLIC = words("""
1.1.1.1 8.8.8.8 9.9.9.9 9.255.255.255 11.0.0.0 93.184.215.14 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.1 140.82.112.3 151.101.1.69 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255
172.32.0.0 192.0.1.1 192.0.3.1 192.167.255.255 192.169.0.0 192.88.98.1 192.88.100.1 198.17.255.255
198.20.0.0 198.51.99.1 198.51.101.1 203.0.112.1 203.0.114.1 223.255.255.254 52.95.110.1 34.117.59.81
20.70.246.20 104.16.132.229 185.199.108.153 2606:4700:4700::1111 2001:4860:4860::8888 2620:fe::fe
2a00:1450:4001:82f::200e 2a03:2880:f12f:83:face:b00c::25de 2400:cb00:2049:1::a29f:1804 2600:1f18::1
2a01:4f8::1 2804:14d::1 2c0f:fb50:4003::1 2001:200::1 2001:470::1 2003::1 2408::1 3fff:1000::1
2a06:98c1:3120::3
""")


def embeddings(v4: str) -> dict[str, str]:
    """The IPv6 addresses that carry an IPv4 one, by kind."""
    value = int(ipaddress.IPv4Address(v4))
    high, low = value >> 16, value & 0xFFFF
    flipped = value ^ 0xFFFFFFFF
    return {
        "mapped": f"::ffff:{v4}",
        "compatible": str(ipaddress.IPv6Address(value)),
        "translated": f"::ffff:0:{high:x}:{low:x}",
        "NAT64": f"64:ff9b::{v4}",
        "local NAT64": f"64:ff9b:1::{high:x}:{low:x}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "Teredo": f"2001:0:808:808:0:0:{flipped >> 16:x}:{flipped & 0xFFFF:x}",
        "ISATAP": f"2001:470:1:1:0:5efe:{high:x}:{low:x}",
    }


def denied_addresses() -> list[str]:
    """Every denied address, plain and embedded, each once."""
    found = [*DENIED_V4, *DENIED_V6, *(six for four in DENIED_V4 for six in embeddings(four).values())]
    return list(dict.fromkeys(found))


def denied_urls(scheme: str = "https", port: int | None = None) -> list[str]:
    """The same as URLs, and the odd spellings."""
    suffix = f":{port}" if port else ""
    hosts = [f"[{a}]" if ":" in a else a for a in denied_addresses()] + ODD_HOSTS
    return [f"{scheme}://{host}{suffix}/hook" for host in hosts]
