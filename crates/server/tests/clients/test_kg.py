"""Graphs over HTTP: `SPARQLWrapper`, and `rdflib` with its stores, against `trinity kg serve`."""

import subprocess
import time
import urllib.error

import pytest
from rdflib import Dataset, Graph, Literal, Namespace, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore
from SPARQLWrapper import CSV, JSON, N3, POST, RDFXML, TSV, TURTLE, XML, JSONLD, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import EndPointNotFound, QueryBadFormed

from served import Served, program

A = Namespace("http://a/")
FACTS = """<http://a/lyon> <http://a/country> <http://a/france> .
<http://a/lyon> <http://a/name> "Lyon"@fr .
<http://a/nice> <http://a/country> <http://a/france> .
"""


class ServedGraph(Served):
    """`trinity kg serve` on a graph of its own."""

    def command(self, options, models):
        return [program(), "kg", "serve", "--port", str(self.port), *map(str, options)]


@pytest.fixture(scope="module")
def graph(logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    (folder / "facts.nt").write_text(FACTS)
    file = folder / "notes.kg"
    subprocess.run([program(), "kg", "--db", file, "load", folder / "facts.nt"], check=True, capture_output=True)
    server = ServedGraph("--db", file, "--kg-write", log=logs / "graph.log")
    yield server
    assert server.stop() == 0


@pytest.fixture
def endpoint(graph):
    return f"{graph.url}/kg/notes/sparql"


def wrapper(endpoint, text, form=None):
    client = SPARQLWrapper(endpoint)
    client.setQuery(text)
    if form:
        client.setReturnFormat(form)
    return client


def test_sparqlwrapper_reads_every_form(endpoint):
    select = "SELECT ?c { ?c <http://a/country> <http://a/france> } ORDER BY ?c"
    rows = wrapper(endpoint, select, JSON).queryAndConvert()["results"]["bindings"]
    assert [row["c"]["value"] for row in rows] == ["http://a/lyon", "http://a/nice"]
    assert "http://a/nice" in wrapper(endpoint, select, XML).queryAndConvert().toxml()
    assert wrapper(endpoint, select, CSV).queryAndConvert().decode().split() == ["c", "http://a/lyon", "http://a/nice"]
    assert wrapper(endpoint, select, TSV).queryAndConvert().decode().split() == ["?c", "<http://a/lyon>", "<http://a/nice>"]
    assert wrapper(endpoint, "ASK { <http://a/lyon> ?p ?o }", JSON).queryAndConvert()["boolean"] is True
    construct = "CONSTRUCT { ?s <http://a/in> ?o } { ?s <http://a/country> ?o }"
    for form in [RDFXML, JSONLD]:
        assert len(wrapper(endpoint, construct, form).queryAndConvert()) == 2
    for form in [TURTLE, N3]:
        text = wrapper(endpoint, construct, form).queryAndConvert().decode()
        assert len(Graph().parse(data=text, format="turtle")) == 2
    by_post = wrapper(endpoint, select, JSON)
    by_post.setMethod(POST)
    assert len(by_post.queryAndConvert()["results"]["bindings"]) == 2


def test_sparqlwrapper_updates_and_is_told_what_is_wrong(endpoint):
    for text, count in [("INSERT DATA { <http://a/new> <http://a/p> 1 }", 1), ("DELETE WHERE { <http://a/new> ?p ?o }", 0)]:
        update = wrapper(endpoint, text)
        update.setMethod(POST)
        assert update.query().response.status == 200
        rows = wrapper(endpoint, "SELECT * { <http://a/new> ?p ?o }", JSON).queryAndConvert()["results"]["bindings"]
        assert len(rows) == count
    with pytest.raises(QueryBadFormed, match="no SPARQL"):
        wrapper(endpoint, "SELECT ?x { ?x", JSON).query()
    with pytest.raises(EndPointNotFound, match="notes"):
        wrapper(endpoint.replace("notes", "nothing"), "ASK {}", JSON).query()


def test_rdflib_stores(endpoint, graph):
    found = Graph(SPARQLStore(endpoint))
    assert set(found.subjects(A.country, A.france)) == {A.lyon, A.nice}
    assert found.value(A.lyon, A.name) == Literal("Lyon", lang="fr")
    assert (A.lyon, A.country, A.france) in found and len(found) == 3
    rows = list(found.query("SELECT ?c { ?c a:country a:france } ORDER BY ?c", initNs={"a": A}))
    assert [row.c for row in rows] == [A.lyon, A.nice]
    assert len(found.query("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }").graph) == 3
    name = URIRef("http://a/named")
    store = SPARQLUpdateStore(endpoint, endpoint)
    named = Graph(store, identifier=name)
    named.add((A.rome, A.country, A.italy))
    named.update("INSERT DATA { <http://a/rome> <http://a/age> 2777 }")
    assert len(named) == 2 and named.value(A.rome, A.age) == Literal(2777)
    assert {g.identifier for g in Dataset(store).graphs()} >= {name}
    named.remove((None, None, None))
    assert len(named) == 0
    # Whole graphs, over the Graph Store Protocol.
    turtle = Graph().parse(f"{graph.url}/kg/notes/data?default", format="turtle")
    assert len(turtle) == 3


def test_a_query_without_end_is_refused_in_time(logs, tmp_path):
    lines = "".join(f"<http://a/{i}> <http://a/p> <http://a/{i * 7 % 400}> .\n" for i in range(400))
    (tmp_path / "many.nt").write_text(lines)
    file = tmp_path / "many.kg"
    subprocess.run([program(), "kg", "--db", file, "load", tmp_path / "many.nt"], check=True, capture_output=True)
    server = ServedGraph("--db", file, "--limit-time", 1, log=logs / "many.log")
    begun = time.monotonic()
    # Every part of every row is asked for: what nobody asks for is counted without being read.
    condition = "CONCAT(STR(?a), STR(?c), STR(?e), STR(?g)) = STR(?p)"
    endless = f"SELECT (COUNT(*) AS ?n) {{ ?a ?p ?b . ?c ?q ?d . ?e ?r ?f . ?g ?s ?h FILTER({condition}) }}"
    with pytest.raises(urllib.error.HTTPError) as refused:
        wrapper(f"{server.url}/kg/many/sparql", endless, JSON).query()
    assert refused.value.code == 503 and time.monotonic() - begun < 5
    update = wrapper(f"{server.url}/kg/many/sparql", "CLEAR ALL")
    update.setMethod(POST)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        update.query()
    assert server.stop() == 0
