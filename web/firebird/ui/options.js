// The sites on which it is off, and whether it is off everywhere.

const api = globalThis.browser ?? globalThis.chrome;
const everywhere = document.getElementById("everywhere");

async function render() {
  const { off, isOffEverywhere, isWhole } = await api.runtime.sendMessage({ ask: "settings" });
  document.getElementById("state").textContent = isWhole ? "" : "The stored settings were damaged: what was not understood is left out.";
  document.getElementById("none").hidden = off.length > 0;
  everywhere.checked = isOffEverywhere;
  const rows = off.map((site) => {
    const row = document.createElement("tr");
    const button = Object.assign(document.createElement("button"), { textContent: "Switch on" });
    button.onclick = () => api.runtime.sendMessage({ ask: "level", site, isOff: false }).then(render);
    row.append(Object.assign(document.createElement("td"), { textContent: site }), document.createElement("td"));
    row.lastChild.append(button);
    return row;
  });
  document.getElementById("sites").replaceChildren(...rows);
}

everywhere.onchange = () => api.runtime.sendMessage({ ask: "everywhere", isOff: everywhere.checked }).then(render);
render();
