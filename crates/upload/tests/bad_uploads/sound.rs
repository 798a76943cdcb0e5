//! Sound.

use super::*;

pub(super) fn rows() -> Vec<Bad> {
    use Kind::{Flac, M4a as Mpeg, Mp3, Ogg, Wav};
    let t = || twin(Wav);
    let mut long = wav();
    long[4] = long[4].wrapping_add(10);
    let mut contradicts = wav();
    contradicts[28] ^= 1;
    let mut unmarked = ogg();
    unmarked[4] = 9;
    let m4a = |change: &dyn Fn(&mut M4a)| {
        let mut file = M4a::default();
        change(&mut file);
        of(Mpeg, &file.build())
    };
    let picture = |size: u8| [&[0x86, size, 0, 0][..], &vec![0; usize::from(size) << 16]].concat();
    let tags = boxed(b"free", &vec![0; 5 << 20][..4_500_000]);
    vec![
        row(
            "wav of 4 kHz",
            of(Wav, &wav_with(4_000, 1, 500, b"")),
            "audio-rate",
            "the sample rate is 4000 Hz; 8000 to 48000 Hz are accepted",
            of(Wav, &wav_with(8_000, 1, 500, b"")),
        ),
        row(
            "wav of 96 kHz",
            of(Wav, &wav_with(96_000, 1, 500, b"")),
            "audio-rate",
            "the sample rate is 96000 Hz; 8000 to 48000 Hz are accepted",
            of(Wav, &wav_with(48_000, 1, 500, b"")),
        ),
        row(
            "wav of six channels",
            of(Wav, &wav_with(16_000, 6, 500, b"")),
            "audio-channels",
            "the audio has 6 channels; 1 to 2 are accepted",
            of(Wav, &wav_with(16_000, 2, 500, b"")),
        ),
        row(
            "short wav",
            of(Wav, &wav_with(16_000, 1, 50, b"")),
            "audio-short",
            "the audio lasts 50 ms; at least 100 ms are accepted",
            t(),
        ),
        row(
            "long wav",
            of(Wav, &wav_with(8_000, 1, 10_500, b"")),
            "audio-long",
            "the audio lasts 10500 ms; at most 10000 ms are accepted",
            of(Wav, &wav_with(8_000, 1, 9_500, b"")),
        ),
        row(
            "bytes behind a wav",
            behind(Wav, b"more"),
            "file-trailing",
            "the WAV audio has bytes behind its end (from byte 16044)",
            t(),
        ),
        row(
            "cut wav",
            cut(Wav, 100),
            "file-truncated",
            "the WAV audio is cut off after 15944 bytes",
            t(),
        ),
        row(
            "wav that says it is longer",
            of(Wav, &long),
            "file-truncated",
            "the WAV audio is cut off after 16044 bytes",
            t(),
        ),
        row(
            "wav that contradicts itself",
            of(Wav, &contradicts),
            "file-broken",
            "the WAV audio is broken at byte 36: the format contradicts itself",
            t(),
        ),
        row(
            "wav without sound",
            of(Wav, b"RIFF\x04\0\0\0WAVE"),
            "file-truncated",
            "the WAV audio is cut off after 12 bytes",
            t(),
        ),
        row(
            "flac of 4 kHz",
            of(Flac, &flac_with(4_000, 10, 40_960, b"")),
            "audio-rate",
            "the sample rate is 4000 Hz; 8000 to 48000 Hz are accepted",
            twin(Flac),
        ),
        row(
            "flac that announces more",
            of(Flac, &flac_with(16_000, 3, 40_960, b"")),
            "audio-unreadable",
            "the FLAC audio cannot be read as audio",
            twin(Flac),
        ),
        row(
            "bytes behind a flac",
            behind(Flac, b"more bytes behind it"),
            "audio-unreadable",
            "the FLAC audio cannot be read as audio",
            twin(Flac),
        ),
        row(
            "flac that announces less",
            of(Flac, &flac_with(16_000, 10, 20_480, b"")),
            "audio-lies",
            "the FLAC audio announces another length than it has",
            twin(Flac),
        ),
        row(
            "a byte behind a flac",
            behind(Flac, b"x"),
            "audio-unreadable",
            "the FLAC audio cannot be read as audio",
            twin(Flac),
        ),
        row(
            "bytes before a frame of flac",
            of(
                Flac,
                &[
                    &flac_with(16_000, 1, 40_960, b"")[..42],
                    b"\xff\xf8junk",
                    &flac()[42..],
                ]
                .concat(),
            ),
            "file-broken",
            "the FLAC audio is broken at byte 42: bytes that belong to no frame",
            twin(Flac),
        ),
        row(
            "flac of pictures",
            of(Flac, &flac_with(16_000, 10, 40_960, &picture(90))),
            "audio-metadata",
            "the FLAC audio carries more than 4194304 bytes of tags or tables",
            of(
                Flac,
                &flac_with(16_000, 10, 40_960, &[0x81, 0, 0, 4, 0, 0, 0, 0]),
            ),
        ),
        row(
            "flac without frames",
            cut(Flac, 110),
            "file-truncated",
            "the FLAC audio is cut off after 42 bytes",
            twin(Flac),
        ),
        row(
            "bytes between mp3 frames",
            of(
                Mp3,
                &[mp3_frames(9), b"JUNK".to_vec(), mp3_frames(9)].concat(),
            ),
            "file-broken",
            "the MP3 audio is broken at byte 3753: no frame where one must begin",
            of(Mp3, &mp3_frames(18)),
        ),
        row(
            "bytes behind an mp3",
            behind(Mp3, b"more"),
            "file-broken",
            "the MP3 audio is broken at byte 12530: no frame where one must begin",
            twin(Mp3),
        ),
        row(
            "cut mp3",
            cut(Mp3, 5),
            "file-truncated",
            "the MP3 audio is cut off after 12525 bytes",
            twin(Mp3),
        ),
        row(
            "short mp3",
            of(Mp3, &mp3_frames(3)),
            "audio-short",
            "the audio lasts 78 ms; at least 100 ms are accepted",
            twin(Mp3),
        ),
        row(
            "long mp3",
            of(Mp3, &mp3_frames(400)),
            "audio-long",
            "the audio lasts 10004 ms; at most 10000 ms are accepted",
            of(Mp3, &mp3_frames(300)),
        ),
        row(
            "ogg of six channels",
            of(Ogg, &ogg_with(6, 4, 48_000)),
            "audio-channels",
            "the audio has 6 channels; 1 to 2 are accepted",
            twin(Ogg),
        ),
        row(
            "ogg without its last page",
            of(Ogg, &ogg_with(1, 0, 48_000)),
            "file-truncated",
            "the Ogg audio is cut off after 369 bytes",
            twin(Ogg),
        ),
        row(
            "ogg that announces more",
            of(Ogg, &ogg_with(1, 4, 400_000)),
            "audio-lies",
            "the Ogg audio announces another length than it has",
            twin(Ogg),
        ),
        row(
            "bytes behind an ogg",
            behind(Ogg, b"more"),
            "file-trailing",
            "the Ogg audio has bytes behind its end (from byte 369)",
            twin(Ogg),
        ),
        row(
            "ogg of another version",
            of(Ogg, &unmarked),
            "file-broken",
            "the Ogg audio is broken at byte 0: no page where one must begin",
            twin(Ogg),
        ),
        row(
            "ogg of two streams",
            of(Ogg, &ogg_page(0, 0, 0, &[vec![1]])),
            "audio-tracks",
            "the Ogg audio must have one audio track and nothing else",
            twin(Ogg),
        ),
        row(
            "m4a with a video track",
            m4a(&|it| it.handler = b"vide"),
            "audio-tracks",
            "the M4A audio must have one audio track and nothing else",
            twin(Mpeg),
        ),
        row(
            "m4a with two tracks",
            m4a(&|it| it.tracks = 2),
            "audio-tracks",
            "the M4A audio must have one audio track and nothing else",
            twin(Mpeg),
        ),
        row(
            "m4a of huge samples",
            m4a(&|it| it.size = 1 << 30),
            "audio-unreadable",
            "the M4A audio cannot be read as audio",
            twin(Mpeg),
        ),
        row(
            "m4a that announces more",
            m4a(&|it| it.size = 1 << 20),
            "audio-lies",
            "the M4A audio announces another length than it has",
            twin(Mpeg),
        ),
        row(
            "m4a of padding",
            m4a(&|it| it.behind.clone_from(&tags)),
            "audio-metadata",
            "the M4A audio carries more than 4194304 bytes of tags or tables",
            twin(Mpeg),
        ),
        row(
            "bytes behind an m4a",
            behind(Mpeg, b"more bytes"),
            "file-broken",
            "the M4A audio is broken at byte 1340: a box is unknown",
            twin(Mpeg),
        ),
    ]
}
