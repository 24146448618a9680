//! A search as it comes in. Every wrong field has the error code that Meilisearch gives it.

use milli_core::tokenizer::Language;
use milli_core::{AscDesc, SortError, TermsMatchingStrategy};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::locale;
use crate::error::{ApiError, Result};

const DEFAULT_LIMIT: usize = 20;
const DEFAULT_CROP_LENGTH: usize = 10;

pub struct SearchRequest {
    pub query: Option<String>,
    pub window: Window,
    pub filter: Option<Value>,
    pub sort: Option<Vec<AscDesc>>,
    pub facets: Option<Vec<String>>,
    pub matching: TermsMatchingStrategy,
    pub search_on: Option<Vec<String>>,
    pub distinct: Option<String>,
    pub score_threshold: Option<f64>,
    pub locales: Option<Vec<Language>>,
    /// `None` means all that are displayed.
    pub retrieve: Option<Vec<String>>,
    pub format: FormatRequest,
    pub show_score: bool,
    pub show_score_details: bool,
}

/// Which of the hits are wanted.
#[derive(Clone, Copy)]
pub enum Window {
    /// With an estimate of how many there are.
    Offset { offset: usize, limit: usize },
    /// Pages from 1, with their exact number.
    Page { page: usize, hits_per_page: usize },
}

pub struct FormatRequest {
    pub highlight: Vec<String>,
    /// Attributes, each with `:` and a length of its own or without.
    pub crop: Vec<String>,
    /// In words.
    pub crop_length: usize,
    pub crop_marker: String,
    pub pre_tag: String,
    pub post_tag: String,
    pub show_positions: bool,
}

impl SearchRequest {
    /// # Errors
    /// The first wrong field's code, or `bad_request` for one that is unknown or not served.
    pub fn parse(body: Value) -> Result<Self> {
        let Value::Object(map) = body else {
            return Err(ApiError::new("bad_request", "Invalid value type: expected an object."));
        };
        let mut fields = Fields(map);
        let request = Self {
            query: fields.take("q")?,
            window: window(&mut fields)?,
            filter: fields.take("filter")?,
            sort: sort(&mut fields)?,
            facets: fields.take("facets")?,
            matching: matching(&mut fields)?,
            search_on: fields.take("attributesToSearchOn")?,
            distinct: fields.take("distinct")?,
            score_threshold: threshold(&mut fields)?,
            locales: locales(&mut fields)?,
            retrieve: all_if_star(fields.take("attributesToRetrieve")?),
            format: FormatRequest {
                highlight: fields.take("attributesToHighlight")?.unwrap_or_default(),
                crop: fields.take("attributesToCrop")?.unwrap_or_default(),
                crop_length: fields.take("cropLength")?.unwrap_or(DEFAULT_CROP_LENGTH),
                crop_marker: fields.take("cropMarker")?.unwrap_or_else(|| "…".to_owned()),
                pre_tag: fields.take("highlightPreTag")?.unwrap_or_else(|| "<em>".to_owned()),
                post_tag: fields.take("highlightPostTag")?.unwrap_or_else(|| "</em>".to_owned()),
                show_positions: fields.take("showMatchesPosition")?.unwrap_or_default(),
            },
            show_score: fields.take("showRankingScore")?.unwrap_or_default(),
            show_score_details: fields.take("showRankingScoreDetails")?.unwrap_or_default(),
        };
        fields.end()?;
        Ok(request)
    }
}

/// The fields of a body that nobody has asked for yet.
struct Fields(Map<String, Value>);

impl Fields {
    /// An absent field and `null` are the same.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        serde_json::from_value(value).map_err(|error| invalid(name, &error))
    }

    fn end(self) -> Result<()> {
        match self.0.into_iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::new(
                "bad_request",
                format!("Unknown field `{name}`, or one that is not served here"),
            )),
        }
    }
}

fn window(fields: &mut Fields) -> Result<Window> {
    let (offset, limit) = (fields.take("offset")?, fields.take("limit")?);
    Ok(match (fields.take("page")?, fields.take("hitsPerPage")?) {
        (None, None) => Window::Offset { offset: offset.unwrap_or(0), limit: limit.unwrap_or(DEFAULT_LIMIT) },
        (page, size) => {
            Window::Page { page: page.unwrap_or(1), hits_per_page: size.unwrap_or(DEFAULT_LIMIT) }
        }
    })
}

fn sort(fields: &mut Fields) -> Result<Option<Vec<AscDesc>>> {
    let Some(sort) = fields.take::<Vec<String>>("sort")? else { return Ok(None) };
    let parse = |text: &String| {
        text.parse::<AscDesc>().map_err(|error| milli_core::Error::from(SortError::from(error)).into())
    };
    sort.iter().map(parse).collect::<Result<Vec<_>>>().map(Some)
}

fn matching(fields: &mut Fields) -> Result<TermsMatchingStrategy> {
    let name = "matchingStrategy";
    match fields.take::<String>(name)?.as_deref() {
        None | Some("last") => Ok(TermsMatchingStrategy::Last),
        Some("all") => Ok(TermsMatchingStrategy::All),
        Some("frequency") => Ok(TermsMatchingStrategy::Frequency),
        Some(other) => Err(invalid(name, &format!("`{other}` is not one of `last`, `all`, `frequency`"))),
    }
}

fn threshold(fields: &mut Fields) -> Result<Option<f64>> {
    let name = "rankingScoreThreshold";
    let threshold: Option<f64> = fields.take(name)?;
    match threshold {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(invalid(name, &"must be between `0.0` and `1.0`, inclusively"))
        }
        threshold => Ok(threshold),
    }
}

fn locales(fields: &mut Fields) -> Result<Option<Vec<Language>>> {
    let name = "locales";
    let Some(codes) = fields.take::<Vec<String>>(name)? else { return Ok(None) };
    let find = |code: &String| locale::language(code).ok_or_else(|| invalid(name, &locale::unknown(code)));
    codes.iter().map(find).collect::<Result<Vec<_>>>().map(Some)
}

pub fn all_if_star(names: Option<Vec<String>>) -> Option<Vec<String>> {
    names.filter(|names| !names.iter().any(|name| name == "*"))
}

fn invalid(name: &str, error: &dyn std::fmt::Display) -> ApiError {
    let code = super::setting_code(name).replace("invalid_settings_", "invalid_search_");
    ApiError::new(&code, format!("Invalid value at `.{name}`: {error}"))
}
