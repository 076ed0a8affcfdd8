use proptest::prelude::*;

use super::*;

fn guard() -> Guard {
    Guard::new(&Outbound::default())
}

fn judge(text: &str) -> Result<Verdict, Refusal> {
    parse(text).and_then(|url| guard().check(&url))
}

/// Inside addresses in every way people have thought of writing them. None may come through.
#[test]
fn no_spelling_of_an_inside_address_comes_through() {
    let hosts = [
        // loopback
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7F.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "0177.0.0.0x1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "127。0。0。1",
        "127．0．0．1",
        "①②⑦.0.0.1",
        "１２７.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2002:7f00:0001::1]",
        "[2001:0:7f00:1::]",
        // this network
        "0",
        "0.0.0.0",
        "0.1.2.3",
        "0x0",
        "00000000000",
        // private
        "10.0.0.1",
        "10.255.255.255",
        "167772161",
        "0xa000001",
        "012.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.257",
        "3232235521",
        "0xc0a80001",
        "0300.0250.0.1",
        "[::ffff:10.0.0.1]",
        "[::ffff:c0a8:1]",
        "[2002:a00:1::]",
        "[2002:c0a8:101::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fdff::1]",
        // link-local and metadata
        "169.254.169.254",
        "169.254.0.1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fe80::1]",
        "[febf::1]",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        // shared, benchmarks, documentation, multicast, reserved
        "100.64.0.1",
        "100.127.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[ff02::1]",
        "[ff0e::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[100::1]",
        "[5f00::1]",
        "[fec0::1]",
        "[4000::1]",
    ];
    for host in hosts {
        for text in [
            format!("http://{host}/"),
            format!("https://{host}"),
            format!("http://{host}:80/x"),
            format!("HTTP:\\\\{host}\\x"),
            format!("http:/{host}/"),
            format!("ht\ntp://{host}/\t"),
        ] {
            let verdict = judge(&text);
            assert!(verdict.is_err(), "{text:?} came through: {verdict:?}");
        }
    }
}

#[test]
fn other_schemes_credentials_and_ports_are_refused() {
    for text in
        ["file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "data:text/plain,x", "unix:/x"]
    {
        assert_eq!(judge(text), Err(Refusal::Scheme), "{text}");
    }
    for text in [
        "http://a@example.com/",
        "http://a:b@example.com/",
        "http://:b@example.com/",
        "http://example.com@127.0.0.1/",
    ] {
        assert_eq!(judge(text), Err(Refusal::Credentials), "{text}");
    }
    for port in [22, 25, 3306, 5432, 6379, 8080, 9200] {
        assert_eq!(judge(&format!("http://example.com:{port}/")), Err(Refusal::Port(port)));
    }
    for text in ["", "/x", "http://", "http://[::1", "http://a b/", "http://1.2.3.4.5.999999999999/"] {
        assert!(judge(text).is_err(), "{text:?} came through");
    }
}

#[test]
fn public_addresses_and_names_come_through() {
    for text in [
        "http://example.com/",
        "https://example.com:443/x?y#z",
        "http://93.184.216.34/",
        "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/",
        "http://172.32.0.1/",
        "http://100.128.0.1/",
        "http://[2001:4860:4860::8888]/",
    ] {
        assert_eq!(judge(text), Ok(Verdict::IfPublic), "{text}");
    }
}

#[test]
fn configured_bases_come_through_and_nothing_beside_them() {
    let outbound = Outbound {
        allow: vec![
            Url::parse("http://127.0.0.1:9000/fake").unwrap(),
            Url::parse("http://localhost:9001").unwrap(),
        ],
        ports: vec![8443],
        ..Outbound::default()
    };
    let guard = Guard::new(&outbound);
    let judge = |text: &str| parse(text).and_then(|url| guard.check(&url));
    for text in [
        "http://127.0.0.1:9000/fake",
        "http://127.0.0.1:9000/fake/a/b?c",
        "http://127.1:9000/fake/",
        "http://localhost:9001/bot1:abc/sendMessage",
    ] {
        assert_eq!(judge(text), Ok(Verdict::Configured), "{text}");
    }
    for text in [
        "http://127.0.0.1:9000/",
        "http://127.0.0.1:9000/fakes",
        "http://127.0.0.1:9000/fake/../other",
        "http://127.0.0.1:9000/fake/%2e%2e/other",
        "https://127.0.0.1:9000/fake",
        "http://127.0.0.1:9001/fake",
        "http://127.0.0.2:9000/fake",
        "http://localhost:9002/",
    ] {
        assert!(judge(text).is_err(), "{text} came through");
    }
    assert_eq!(judge("https://example.com:8443/"), Ok(Verdict::IfPublic));
}

#[test]
fn one_inside_address_spoils_a_name() {
    let public: IpAddr = "93.184.216.34".parse().unwrap();
    let inside: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(all_public([public]), Ok(()));
    assert_eq!(all_public([public, inside]), Err(Refusal::NotPublic(inside)));
    assert_eq!(all_public([]), Err(Refusal::NoAddress));
}

proptest! {
    /// The standard library's own idea of inside addresses is a subset of ours.
    #[test]
    fn nothing_the_standard_library_calls_special_is_public(v4: u32, v6: u128) {
        let v4 = Ipv4Addr::from(v4);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_unspecified() || v4.is_multicast();
        prop_assert!(!(special && is_public(v4.into())));
        let v6 = Ipv6Addr::from(v6);
        let special = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local()
            || v6.is_unicast_link_local() || v6.to_ipv4().is_some();
        prop_assert!(!(special && is_public(v6.into())));
    }

    /// However an IPv4 address is put inside an IPv6 one, it does not get in that way.
    #[test]
    fn wrapped_addresses_are_never_public(bits: u32, prefix in prop::sample::select(vec![
        "::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0",
    ])) {
        let prefix: Ipv6Addr = prefix.parse().unwrap();
        let wrapped = Ipv6Addr::from(u128::from(prefix) | u128::from(bits));
        prop_assert!(!is_public(wrapped.into()));
    }
}
