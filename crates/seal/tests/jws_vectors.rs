//! Published JWS vectors, and what their neighbours must not do.
//!
//! RFC 7515 appendices A.1 (HS256), A.2 (RS256), A.3 (ES256); RFC 8037 appendices A.1 to A.5 (EdDSA);
//! C2SP/wycheproof `json_web_signature_test.json`, tests 1, 18 and 33 with the rules its other tests
//! of these groups are made by: a changed signature, payload or header, a part missing or too many,
//! no algorithm, the JSON form, a public key taken for a shared secret, an embedded key.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use seal::{
    ed25519::SigningKey,
    encode::{base64url, unbase64url},
    hmac,
    jws::{self, Algorithm, Compact, Jwk, TokenFault, TokenKey, read_set},
};

struct Vector {
    name: &'static str,
    algorithm: Algorithm,
    /// The secret of HS256, or a published key.
    key: &'static str,
    token: &'static str,
    payload: &'static [u8],
}

const CLAIMS: &[u8] =
    b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

const VECTORS: [Vector; 7] = [
    Vector {
        name: "RFC 7515 A.1",
        algorithm: Algorithm::Hs256,
        key: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        token: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        payload: CLAIMS,
    },
    Vector {
        name: "RFC 7515 A.2",
        algorithm: Algorithm::Rs256,
        key: r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        token: "eyJhbGciOiJSUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        payload: CLAIMS,
    },
    Vector {
        name: "RFC 7515 A.3",
        algorithm: Algorithm::Es256,
        key: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        token: "eyJhbGciOiJFUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        payload: CLAIMS,
    },
    Vector {
        name: "RFC 8037 A.4",
        algorithm: Algorithm::EdDsa,
        key: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        token: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
            hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        payload: b"Example of Ed25519 signing",
    },
    Vector {
        name: "Wycheproof 1",
        algorithm: Algorithm::Hs256,
        key: "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE",
        token: "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9.Zm9v.TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg",
        payload: b"foo",
    },
    Vector {
        name: "Wycheproof 18",
        algorithm: Algorithm::Es256,
        key: r#"{"alg":"ES256","use":"sig","x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","y":"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw","crv":"P-256","kid":"kid-ec-sign","kty":"EC"}"#,
        token: "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v.5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA",
        payload: b"foo",
    },
    Vector {
        name: "Wycheproof 33",
        algorithm: Algorithm::Rs256,
        key: r#"{"alg":"RS256","use":"sig","n":"kqGboBfAWttWPCA-0cGRgsY6SaYoIARt0B_PkaEcIq9HPYNdu9n6UuWHuuTHrjF_ZoQW97r5HaAorNvrMEGTGdxCHZdEtkHvNVVmrtxTBLiQCbCozXhFoIrVcr3qUBrdGnNn_M3jJi7Wg7p_-x62nS5gNG875oyheRkutHsQXikFZwsN3q_TsPNOVlCiHy8mxzaFTUQGm-X8UYexFyAivlDSjgDJLAZSWfxd7k9Gxuwa3AUfQqQcVcegmgKGCaErQ3qQbh1x7WB6iopE3_-GZ8HMAVtR9AmrVscqYsnjhaCehfAI0iKKs8zXr8tISc0ORbaalrkk03H1ZrsEnDKEWQ","e":"AQAB","kid":"kid-rsa-sign","kty":"RSA"}"#,
        token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC1yc2Etc2lnbiJ9.Zm9v.HUwxI1-cZrZgcuOgBQ7G7NE-GrqK79l6GV1KT4DKXnSMFwC8pfZCzE7pmLE7mYpLCIvzC87yuOjuhT0uW5oe6aaAEtR978cm-q8dfly45flqMrd_ifhi9GCsMlyi8dpQ42Ou1etZljFZuWjfyk8CN1c5DaHRwhqjScAPIFp6xmzKIRUJ_xdQfUSfSlujLaixtScU518EoNP4oo1v7E8RAz6ZO4g2N4Xqs8OvSxYydcoTEg42QnLHe9JnXgI37Q5gSwinwaPsG3Ry56UYiLoL8mCUa74S51y02VsIgVmmGWgaXjM-i_lCiKQDBiBnvWlka4XhVuvd6ZWibM9cbCPtPg",
        payload: b"foo",
    },
];

impl Vector {
    fn key(&self) -> TokenKey {
        if self.algorithm == Algorithm::Hs256 {
            return TokenKey::shared(&unbase64url(self.key).unwrap()).unwrap();
        }
        let set = format!(r#"{{"keys":[{}]}}"#, self.key);
        let [Jwk { key, .. }] = &read_set(set.as_bytes(), &[self.algorithm]).unwrap()[..] else {
            panic!("{}: not one key", self.name);
        };
        key.clone()
    }

    fn parts(&self) -> [&str; 3] {
        let parts: Vec<&str> = self.token.split('.').collect();
        parts.try_into().unwrap()
    }
}

fn payload(token: &str, key: &TokenKey) -> Result<Vec<u8>, TokenFault> {
    Compact::parse(token)?.verified_by(key)
}

/// `text` with the character at `at` replaced by another one of the alphabet.
fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'X' { b'Y' } else { b'X' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_published_token_verifies_under_its_key() {
    for vector in &VECTORS {
        let read = payload(vector.token, &vector.key());
        assert_eq!(read.as_deref(), Ok(vector.payload), "{}", vector.name);
    }
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    for vector in &VECTORS {
        let key = vector.key();
        for at in 0..vector.token.len() {
            let token = changed(vector.token, at);
            assert!(payload(&token, &key).is_err(), "{}: {at}", vector.name);
        }
    }
}

#[test]
fn a_token_with_a_part_missing_or_too_many_is_refused() {
    for vector in &VECTORS {
        let key = vector.key();
        let [header, body, signature] = vector.parts();
        for token in [
            format!("{header}.{body}."),
            format!("{header}.{body}"),
            format!("{header}..{signature}"),
            format!("{header}.{signature}"),
            format!(".{body}.{signature}"),
            format!("{body}.{signature}"),
            format!(".{body}."),
            body.to_owned(),
            String::new(),
            format!("{}.", vector.token),
            format!("{}.foo", vector.token),
            format!(
                r#"{{"payload":"{body}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            ),
        ] {
            assert!(payload(&token, &key).is_err(), "{}: {token}", vector.name);
        }
    }
}

#[test]
fn no_other_algorithm_passes_whatever_is_signed_with_the_public_key() {
    for vector in &VECTORS {
        let key = vector.key();
        let [_, body, signature] = vector.parts();
        for name in ["none", "None", "NONE", "nOnE", "", "HS384", "ES384"] {
            let header = base64url(format!(r#"{{"alg":"{name}"}}"#).as_bytes());
            for token in [
                format!("{header}.{body}."),
                format!("{header}.{body}.{signature}"),
            ] {
                let refused = payload(&token, &key).unwrap_err();
                assert_eq!(refused, TokenFault::Algorithm, "{}: {name}", vector.name);
            }
        }
        if vector.algorithm == Algorithm::Hs256 {
            continue;
        }
        // What anyone can read, taken for a secret that both sides share.
        let header = base64url(br#"{"alg":"HS256"}"#);
        let signed = format!("{header}.{body}");
        for secret in [vector.key.as_bytes(), vector.token.as_bytes()] {
            let tag = hmac::sign(hmac::Algorithm::Sha256, secret, &[signed.as_bytes()]);
            let token = format!("{signed}.{}", base64url(tag.as_bytes()));
            assert_eq!(payload(&token, &key), Err(TokenFault::Algorithm));
        }
    }
}

#[test]
fn no_key_verifies_the_token_of_another() {
    for vector in &VECTORS {
        for other in &VECTORS {
            if vector.name != other.name {
                let read = payload(vector.token, &other.key());
                assert!(read.is_err(), "{} by {}", vector.name, other.name);
            }
        }
    }
}

#[test]
fn an_embedded_key_is_refused_though_it_signed_the_token() {
    let attacker = SigningKey::from_seed([9; 32]).unwrap();
    let public = attacker.verifying_key().unwrap();
    let set = jws::jwks(&[("own", &public)]);
    let header = format!(r#"{{"alg":"EdDSA","kid":"own","jwk":{}}}"#, set["keys"][0]);
    let signed = format!("{}.e30", base64url(header.as_bytes()));
    let token = format!("{signed}.{}", base64url(&attacker.sign(signed.as_bytes())));
    let honest = jws::sign_eddsa(&attacker, "own", "{}");
    let key = TokenKey::from(&public);
    assert_eq!(payload(&honest, &key).as_deref(), Ok(&b"{}"[..]));
    assert_eq!(payload(&token, &key), Err(TokenFault::OwnKey));
}

/// RFC 8037 appendices A.1 (private key), A.3 (thumbprint).
#[test]
fn a_key_of_ours_is_published_as_others_read_it() {
    let seed = unbase64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let key = SigningKey::from_seed(seed.try_into().unwrap()).unwrap();
    let public = key.verifying_key().unwrap();
    assert_eq!(
        jws::thumbprint(&public),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    let set = jws::jwks(&[("node \"a\"", &public)]).to_string();
    let read = read_set(set.as_bytes(), &[Algorithm::EdDsa]).unwrap();
    assert_eq!(read[0].id.as_deref(), Some("node \"a\""));
    let token = jws::sign_eddsa(&key, "node \"a\"", r#"{"sub":"x"}"#);
    let parsed = Compact::parse(&token).unwrap();
    assert_eq!(parsed.key_id(), Some("node \"a\""));
    assert_eq!(payload(&token, &read[0].key).unwrap(), br#"{"sub":"x"}"#);
}

#[test]
fn a_token_signed_with_a_shared_secret_verifies_under_it_alone() {
    let secret = [3; 32];
    let key = hmac::Key::new(hmac::Algorithm::Sha256, &secret);
    let token = jws::sign_hs256(&key, "k", r#"{"sub":"x"}"#);
    let same = TokenKey::shared(&secret).unwrap();
    assert_eq!(payload(&token, &same).unwrap(), br#"{"sub":"x"}"#);
    let other = TokenKey::shared(&[4; 32]).unwrap();
    assert_eq!(payload(&token, &other), Err(TokenFault::Signature));
}
