//! What an app may answer on a route.
//!
//! Owns the choice of rules by status, and the refusal of an answer, which is the app's fault and
//! never the client's. Trusts the caller to have the whole body, inflated.

use crate::{
    load::LoadError,
    refusal::Refusal,
    rules::{Judged, Kind, Rules},
};

/// An answer that is not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRefusal(pub Refusal);

impl AnswerRefusal {
    /// The word that ledger and metrics know this fault by.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code()
    }

    /// What the client gets instead: always 502 (RFC 9110 section 15.6.3).
    #[must_use]
    pub const fn status(&self) -> u16 {
        502
    }
}

impl std::fmt::Display for AnswerRefusal {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "the app's answer is not passed on: {}", self.0)
    }
}

impl std::error::Error for AnswerRefusal {}

/// Rules for the answers of a route, by status.
#[derive(Clone, Debug)]
pub struct AnswerRules {
    by_status: Vec<(std::ops::RangeInclusive<u16>, Rules)>,
    others: bool,
}

impl AnswerRules {
    /// Rules by status; `others` says whether statuses that none speaks of pass unread.
    ///
    /// # Errors
    ///
    /// A status under two rules.
    pub fn new(
        by_status: Vec<(std::ops::RangeInclusive<u16>, Rules)>,
        others: bool,
    ) -> Result<Self, LoadError> {
        for (at, (range, _)) in by_status.iter().enumerate() {
            let twice = by_status
                .iter()
                .skip(at + 1)
                .any(|(other, _)| range.start() <= other.end() && other.start() <= range.end());
            if twice || range.is_empty() {
                return Err(LoadError::Twice {
                    what: "a status in",
                    name: format!("{} to {}", range.start(), range.end()).into(),
                });
            }
        }
        Ok(Self { by_status, others })
    }

    /// Judges an answer. The body of an answer to HEAD, and of 204 and 304, is empty and passes.
    ///
    /// # Errors
    ///
    /// A status that no rule speaks of, or a body that its rules refuse.
    pub fn judge_answer(
        &self,
        status: u16,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Judged, AnswerRefusal> {
        let found = self
            .by_status
            .iter()
            .find(|(range, _)| range.contains(&status));
        match found {
            Some(_) if body.is_empty() && matches!(status, 204 | 304) => Ok(Judged::of(Kind::None)),
            Some((_, rules)) => rules.judge(content_type, body).map_err(AnswerRefusal),
            None if self.others => Ok(Judged::of(Kind::Any)),
            None => Err(AnswerRefusal(Refusal::whole(crate::Fault::ApiStatus))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Body,
        intake::Sizes,
        json::{JsonRules, Limits},
        text::TextRules,
    };

    fn rules() -> AnswerRules {
        let json = JsonRules::new(Limits::DEFAULT, TextRules::PROSE).unwrap();
        let json = Body::json(json, None).unwrap();
        let json = Rules::new(Sizes::DEFAULT, false, vec![json]).unwrap();
        AnswerRules::new(vec![(200..=299, json), (400..=499, Rules::none())], false).unwrap()
    }

    #[test]
    fn an_answer_is_judged_by_the_rules_of_its_status() {
        let judge = |status, body: &str| {
            let judged = rules().judge_answer(status, Some(b"application/json"), body.as_bytes());
            judged
                .map(|it| it.kind())
                .map_err(|it| (it.status(), it.code()))
        };
        assert_eq!(judge(200, "{}"), Ok(Kind::Json));
        assert_eq!(judge(204, ""), Ok(Kind::None));
        assert_eq!(judge(404, ""), Ok(Kind::None));
        assert_eq!(judge(200, "{"), Err((502, "json-syntax")));
        assert_eq!(judge(200, ""), Err((502, "body-empty")));
        assert_eq!(judge(404, "{}"), Err((502, "body-unexpected")));
        assert_eq!(judge(500, "{}"), Err((502, "api-status")));
    }

    #[test]
    fn a_status_stands_under_one_rule() {
        let none = Rules::none;
        assert!(AnswerRules::new(vec![(200..=299, none()), (299..=300, none())], true).is_err());
        assert!(AnswerRules::new(vec![(200..=299, none()), (300..=300, none())], true).is_ok());
    }
}
