//! What a build was made of, for provenance in full: its steps and where they stand in the
//! Dockerfile, in the form that BuildKit gives them.

use lapstrake_solver::graph::{CopyOp, CopySource, Graph, Op, RunOp, Vertex, VertexId};
use lapstrake_solver::schedule::needed;
use serde_json::{Map, Value, json};

use crate::diagnostics::Source;

/// The steps, in an order in which inputs come first, and their places.
pub(super) struct Steps {
    /// `buildConfig` of SLSA's internal parameters.
    pub(super) config: Value,
    /// `locations` of BuildKit's source map.
    pub(super) locations: Value,
}

/// Those that `targets` need. What differs from one run of the same build to the next (proxies,
/// secrets, agents) is not among what is told of them.
pub(super) fn steps(graph: &Graph, targets: &[VertexId], source: &Source) -> Steps {
    let needed = needed(graph, targets);
    let (mut definition, mut locations) = (Vec::new(), Map::new());
    let all = graph.iter().zip(&needed).filter(|(_, is_needed)| **is_needed);
    for ((id, vertex), _) in all {
        let inputs: Vec<String> =
            vertex.inputs.iter().map(|input| format!("{}:0", name(*input))).collect();
        definition.push(json!({
            "id": name(id),
            "op": operation(graph, id, vertex),
            "inputs": inputs,
        }));
        if let Some(span) = vertex.span {
            let line = |offset: usize| json!({ "line": source.line_at(offset) });
            let last = span.end.saturating_sub(1).max(span.start);
            let range = json!({ "start": line(span.start), "end": line(last) });
            locations.insert(name(id), json!({ "locations": [{ "ranges": [range] }] }));
        }
    }
    Steps { config: json!({ "llbDefinition": definition }), locations: Value::Object(locations) }
}

fn name(id: VertexId) -> String {
    format!("step{}", id.0)
}

fn operation(graph: &Graph, id: VertexId, vertex: &Vertex) -> Value {
    let operation = match &vertex.op {
        Op::Image(_) => match graph.image(id) {
            Some(image) => {
                let identifier = format!("docker-image://{}@{}", image.name, image.digest);
                json!({ "source": { "identifier": identifier } })
            }
            None => json!({ "source": { "identifier": "scratch" } }),
        },
        Op::Local(op) => {
            let context = if op.name.is_empty() { "context" } else { &op.name };
            json!({ "source": { "identifier": format!("local://{context}") } })
        }
        Op::Http(source) => json!({ "source": { "identifier": source.url.to_string() } }),
        Op::Git(reference) => json!({ "source": { "identifier": format!("git://{reference}") } }),
        Op::Copy(op) => file("copy", copy(op)),
        Op::Mkdir(op) => file("mkdir", json!({ "path": op.path, "makeParents": true })),
        Op::Subtree(op) => file("copy", json!({ "src": op.path, "dest": "/" })),
        Op::Run(op) => run(op),
        Op::Merge => json!({ "merge": {} }),
    };
    match &vertex.name {
        Some(name) => json!({ "Op": operation, "metadata": { "description": name } }),
        None => json!({ "Op": operation }),
    }
}

fn file(kind: &str, action: Value) -> Value {
    json!({ "file": { "actions": [{ "Action": { kind: action } }] } })
}

fn copy(op: &CopyOp) -> Value {
    let sources = op.sources.iter().map(|source| match source {
        CopySource::Path { path, .. } => path.clone(),
        CopySource::Below { base, pattern, .. } => format!("{base}/./{pattern}"),
        CopySource::Inline { name, .. } => name.clone(),
    });
    json!({
        "src": sources.collect::<Vec<_>>(),
        "dest": op.destination,
        "owner": op.owner,
        "modeStr": op.mode,
        "excludePatterns": op.exclude,
    })
}

fn run(op: &RunOp) -> Value {
    let env: Vec<String> = op.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mounts: Vec<&str> = op.mounts.iter().map(|mount| mount.target.as_str()).collect();
    json!({
        "exec": {
            "meta": { "args": op.argv, "env": env, "cwd": op.cwd, "user": op.user },
            "network": op.network,
            "security": op.security,
            "mounts": mounts,
        },
    })
}
