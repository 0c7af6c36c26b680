//! `--format`: the part of Go's templates that Docker's users write. What is not known is refused by
//! name.
//!
//! Known are fields (`.Config.Env`), variables, `if`, `range`, `with` with `else`, comments, trimming
//! (`{{-`), pipes, groups, and the functions of [`function`]. In reading order: [`token`], [`parse`],
//! [`evaluate`], [`function`].

mod evaluate;
mod function;
mod parse;
mod token;

use serde_json::Value;

use crate::failure::Failure;
use parse::Node;

/// A template that can be filled in.
#[derive(Debug)]
pub(crate) struct Template {
    nodes: Vec<Node>,
}

impl Template {
    /// Understands a template.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let nodes = token::tokens(text).and_then(parse::nodes).map_err(|fault| failure(&fault))?;
        Ok(Self { nodes })
    }

    /// As [`Template::parse`], for what Docker prints a line each of: `\t` and `\n` may be written.
    pub(crate) fn parse_line(text: &str) -> Result<Self, Failure> {
        Self::parse(&text.replace("\\t", "\t").replace("\\n", "\n"))
    }

    /// The text with what `data` has in the places. A field that there is not is an error.
    pub(crate) fn fill(&self, data: &Value) -> Result<String, Failure> {
        evaluate::text(&self.nodes, data).map_err(|fault| failure(&fault))
    }
}

fn failure(fault: &Fault) -> Failure {
    let failure = Failure::new(format!("cannot use the template of --format: {}", fault.what));
    match &fault.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    }
}

/// What is wrong with a template, or with it for what it is filled with.
#[derive(Debug)]
struct Fault {
    what: String,
    help: Option<String>,
}

impl Fault {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None }
    }
}

type Outcome<T> = Result<T, Fault>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let data = json!({
            "Id": "sha256:12", "Size": 42, "RepoTags": ["a:1", "b:2"], "None": [],
            "Config": {
                "Env": ["PATH=/bin", "A=b c"], "Cmd": null, "Labels": {"x.y": "z", "a": "<b>"},
                "User": "", "Healthcheck": null, "Volumes": {"/data": {}}
            },
            "Flag": true,
        });
        let filled = Template::parse(text).and_then(|template| template.fill(&data));
        filled.map_err(|failure| failure.text())
    }

    /// The results are those of Go's text/template with Docker's functions.
    #[test]
    fn templates_mean_what_they_mean_in_go() {
        for (text, expected) in [
            ("plain", "plain"),
            ("{{.Id}} {{ .Size }}", "sha256:12 42"),
            ("{{.Config.Env}}", "[PATH=/bin A=b c]"),
            ("{{.Config.Labels}}", "map[a:<b> x.y:z]"),
            ("{{.Config.Cmd}}|{{.Config.User}}|{{.Config.Healthcheck}}", "[]||<nil>"),
            ("{{json .Config.Cmd}} {{json .RepoTags}}", r#"null ["a:1","b:2"]"#),
            ("{{json .Config.Labels}}", r#"{"a":"<b>","x.y":"z"}"#),
            ("{{.RepoTags | json}}", r#"["a:1","b:2"]"#),
            ("{{index .RepoTags 1}} {{index .Config.Labels \"x.y\"}}", "b:2 z"),
            ("{{index .Config.Labels \"none\"}}|{{.Config.Labels.none}}", "|<no value>"),
            ("{{range .Config.Env}}{{println .}}{{end}}", "PATH=/bin\nA=b c\n"),
            ("{{range $i, $e := .RepoTags}}{{$i}}={{$e}};{{end}}", "0=a:1;1=b:2;"),
            ("{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}} {{end}}", "a:<b> x.y:z "),
            ("{{range .None}}x{{else}}none{{end}}", "none"),
            ("{{range $p, $_ := .Config.Volumes}}{{$p}}{{end}}", "/data"),
            ("{{if .Config.Cmd}}a{{else if .Flag}}b{{else}}c{{end}}", "b"),
            ("{{with .Config.User}}{{.}}{{else}}root{{end}}", "root"),
            ("{{with .Config}}{{len .Env}}{{$.Size}}{{end}}", "242"),
            ("{{$n := len .RepoTags}}{{if gt $n 1}}many{{end}}", "many"),
            ("{{join .RepoTags \",\"}} {{upper .Id}} {{lower `AB`}}", "a:1,b:2 SHA256:12 ab"),
            ("{{(index (split .Id \":\") 1)}}", "12"),
            ("{{(index .RepoTags 0) | printf \"%-5s|%q\" .Id}}", "sha256:12|\"a:1\""),
            ("{{printf \"%5d|%v|%s%%\" .Size .Flag .Id}}", "   42|true|sha256:12%"),
            ("{{eq .Size 42}} {{ne .Id \"x\"}} {{eq .Id \"x\" \"sha256:12\"}}", "true true true"),
            ("{{and .Flag .Id}} {{or .Config.Cmd \"d\"}} {{not .Flag}}", "sha256:12 d false"),
            ("{{slice .Id 7}} {{truncate .Id 6}} {{title \"abc def\"}}", "12 sha256 Abc Def"),
            ("a  {{- /* no */ -}}  b {{- .Size -}} c", "ab42c"),
            ("{{print .Size \"x\" 1 2}}", "42x1 2"),
            ("{{println .Id .Size}}", "sha256:12 42\n"),
            ("{{pad .Id 1 2}}.", " sha256:12  ."),
            ("{{\"a\\tb\\u00e9\"}}", "a\tb\u{e9}"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (text, fault) in [
            ("{{.Nothing}}", "there is no field .Nothing"),
            ("{{.Config.Nothing.More}}", "there is no field .Nothing"),
            ("{{.Id.More}}", "a text has no field .More"),
            ("{{foo .Id}}", "the function foo is not known"),
            ("{{define \"x\"}}{{end}}", "define is not supported"),
            ("{{template \"x\"}}", "template is not supported"),
            ("{{range .RepoTags}}", "range has no {{end}}"),
            ("{{end}}", "{{end}} ends nothing"),
            ("{{.Id", "{{ has no }}"),
            ("{{\"x}}", "a text has no end"),
            ("{{index .RepoTags 9}}", "index 9 is outside of a list of 2"),
            ("{{$x}}", "the variable $x is not known"),
            ("{{.Id \"x\"}}", "only functions take arguments"),
            ("{{}}", "an action is empty"),
            ("{{range .Size}}{{end}}", "range goes over lists and maps"),
            ("{{join .Id \",\"}}", "join wants a list"),
            ("{{lt .Id 1}}", "cannot compare"),
        ] {
            let text_of_failure = filled(text).unwrap_err();
            assert!(text_of_failure.contains(fault), "{text}: {text_of_failure}");
        }
        assert!(filled(&"{{if .Flag}}".repeat(1000)).is_err());
        assert!(filled(&format!("{{{{{}", "(".repeat(1000))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_template_makes_it_panic(text in "(\\{\\{|\\}\\}|[a-z.$\"`|() :=,0-9-]|range|end|if|else|printf|é){0,30}") {
            let _ = filled(&text);
        }
    }
}
