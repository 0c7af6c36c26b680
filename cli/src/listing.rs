//! `--format` of lists: a table, JSON, or a template for each line.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::table;
use crate::template::Template;

/// What a row is called in templates, and above its column.
pub(crate) type Column = (&'static str, &'static str);

/// How a list is printed.
#[derive(Debug)]
pub(crate) enum Listing {
    /// The command's own table.
    Table,
    /// One JSON object on each line.
    Json,
    /// A line for each row.
    Lines(Template),
    /// Columns with tabs between.
    Columns(Template),
}

impl Listing {
    /// `table`, `json`, a template, or `table` and a template.
    pub(crate) fn parse(format: &str) -> Result<Self, Failure> {
        match format.trim() {
            "" | "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            format => match format.strip_prefix("table ") {
                Some(columns) => Template::parse_line(columns.trim_start()).map(Self::Columns),
                None => Template::parse_line(format).map(Self::Lines),
            },
        }
    }

    /// The rows, objects whose fields are those of `columns`, as text; `None` when the command prints
    /// its own table.
    pub(crate) fn text(
        &self,
        columns: &[Column],
        rows: impl Iterator<Item = Value>,
    ) -> Result<Option<String>, Failure> {
        match self {
            Self::Table => Ok(None),
            Self::Json => Ok(Some(rows.map(|row| format!("{row}\n")).collect())),
            Self::Lines(template) => {
                let lines = rows.map(|row| Ok(template.fill(&row)? + "\n"));
                lines.collect::<Result<String, Failure>>().map(Some)
            }
            Self::Columns(template) => {
                let header: Map<String, Value> = columns
                    .iter()
                    .map(|(name, header)| ((*name).to_owned(), Value::from(*header)))
                    .collect();
                let all = std::iter::once(Value::Object(header)).chain(rows);
                let filled = all.map(|row| {
                    let line = template.fill(&row)?;
                    Ok(line.split('\t').map(str::to_owned).collect())
                });
                let filled = filled.collect::<Result<Vec<Vec<String>>, Failure>>()?;
                Ok(Some(table::list_of(&filled)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(format: &str) -> Option<String> {
        let rows = [json!({"ID": "1", "Name": "one"}), json!({"ID": "23", "Name": "two"})];
        let columns = [("ID", "THE ID"), ("Name", "NAME")];
        Listing::parse(format).unwrap().text(&columns, rows.into_iter()).unwrap()
    }

    #[test]
    fn lists_are_printed_as_docker_prints_them() {
        assert_eq!(printed("table"), None);
        assert_eq!(printed("{{.ID}}:{{.Name}}").as_deref(), Some("1:one\n23:two\n"));
        assert_eq!(
            printed("table {{.Name}}\\t{{.ID}}").as_deref(),
            Some("NAME      THE ID\none       1\ntwo       23\n")
        );
        let lines = printed("json").unwrap();
        assert_eq!(lines.lines().next(), Some(r#"{"ID":"1","Name":"one"}"#));
    }
}
