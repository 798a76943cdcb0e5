//! Keys, signatures, digests, pseudonyms; pure, no I/O.
