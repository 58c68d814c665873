"""The page that shows the description of the API."""

from case import PageCase


class Docs(PageCase):
    def test_every_route_and_schema_is_shown_and_links_lead_somewhere(self):
        document = self.server.get("openapi.json")
        page = self.open(self.server.url + "docs")
        page.wait("document.querySelector('#routes h1')")
        operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
        schemas = {f"schema-{name}" for name in document["components"]["schemas"]}
        shown = page.run("[...document.querySelectorAll('#routes section')].map((section) => section.id)")
        self.assertEqual(set(shown), operations | schemas)
        self.assertEqual(len(shown), len(set(shown)))
        self.assertEqual(len(page.texts("#contents a")), len(operations))
        broken = page.run("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.querySelector(a.getAttribute('href'))).length")
        self.assertEqual(broken, 0)
        request = page.run("document.querySelector('#schema-ChatRequest').innerText")
        self.assertIn("temperature", request)
        self.assertIn("at most 2", request)

    def test_an_address_leads_to_its_route(self):
        page = self.open(self.server.url + "docs#schema-ChatRequest")
        page.wait("document.querySelector('#schema-ChatRequest')")
        page.wait("Math.abs(document.querySelector('#schema-ChatRequest').getBoundingClientRect().top) < innerHeight")
        self.assertGreater(page.run("scrollY"), 0)

    def test_a_description_that_does_not_come_is_said(self):
        page = self.page
        page.answer_with("*/openapi.json", lambda page, paused: page.fulfill(paused, 503, "application/json", "{}"))
        self.expect("503")
        page.open(self.server.url + "docs")
        page.wait("document.querySelector('#state')?.textContent.includes('503')")
