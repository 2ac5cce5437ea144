"use strict";
const $ = (id) => document.getElementById(id);
const CHANNELS = { global: "as a whole", spatial: "its parts", text: "the name", color: "colours" };
const PAGE = 24;
const state = { file: null, mark: null, crop: null, codes: [], hits: [], chosen: new Map(), running: null, weights: {}, most: 1000, asked: null };
const turns = { picture: 0, facets: 0, reasons: 0 }; // only the newest answer of a kind counts
const pictures = new Map(); // path to { blob, address }

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

async function call(path, options = {}) {
  const key = sessionStorage.getItem("key");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  if (answer.status === 401) { askForKey(key ? problem.detail : ""); throw new Error("This service needs a key."); }
  throw new Error(problem.detail || "The service did not answer.");
}

function askForKey(wrong) {
  $("door-wrong").textContent = wrong;
  if (!$("door").open) $("door").showModal();
}
$("door-form").addEventListener("submit", () => { // what a chat adds to a key, such as a space of no width, no header takes
  sessionStorage.setItem("key", $("key").value.replace(/[^\x21-\x7e]/g, ""));
  $("key").value = ""; start().then(later);
});

function complain(error) {
  if (error.name === "AbortError") return;
  $("error").textContent = error.message;
  $("error").hidden = false;
  $("error").scrollIntoView({ block: "nearest" });
  $("status").textContent = "";
}

/* the picture and its part */
function takeFile(file) {
  turns.picture += 1;
  state.file = file; state.mark = null; state.name = file.name || "pasted picture";
  showPreview(URL.createObjectURL(file));
  search();
}
async function takeMark(hit) {
  const turn = turns.picture += 1;
  const address = await picture(hit.id, "picture").catch(() => "");
  if (turn !== turns.picture) return;
  state.file = null; state.mark = hit.id; state.name = hit.text || hit.id;
  showPreview(address);
  if (await search()) $("results").focus();
}
function showPreview(address) {
  setCrop(null);
  $("preview").src = address;
  $("stage").hidden = false; $("hint").hidden = true; $("clear").hidden = false;
  $("name").textContent = state.name;
}
$("preview").addEventListener("error", () => { $("stage").hidden = true; });
$("preview").addEventListener("load", () => { // an SVG may have no size of its own, a small picture is shown larger
  const width = $("preview").naturalWidth || 160, height = $("preview").naturalHeight || 160;
  $("preview").width = Math.round(width * Math.min(260 / height, Math.max(1, 160 / width)));
});
function clearPicture() {
  turns.picture += 1;
  clearTimeout(timer); state.running?.abort();
  $("status").textContent = ""; $("results").classList.remove("stale");
  state.file = state.mark = null; setCrop(null);
  $("stage").hidden = true; $("hint").hidden = false; $("clear").hidden = true;
  $("name").textContent = "no picture yet"; $("file").value = "";
  later(); // a name may be left
}
function setCrop(part) {
  state.crop = part;
  $("frame").hidden = !part;
  ["x", "y", "w", "h"].forEach((name, at) => {
    if (document.activeElement !== $(`crop-${name}`)) $(`crop-${name}`).value = part ? part[at].toFixed(1) : "";
  });
  if (!part) return;
  const style = $("frame").style;
  [style.left, style.top, style.width, style.height] = part.map((value) => `${value}%`);
}
let corner = null;
function place(event) {
  const box = $("preview").getBoundingClientRect();
  const within = (value) => Math.min(100, Math.max(0, value));
  return [within(100 * (event.clientX - box.left) / box.width), within(100 * (event.clientY - box.top) / box.height)];
}
$("stage").addEventListener("pointerdown", (event) => {
  event.preventDefault(); corner = place(event); $("stage").setPointerCapture(event.pointerId);
});
$("stage").addEventListener("pointermove", (event) => {
  if (!corner) return;
  const [x, y] = place(event);
  const part = [Math.min(x, corner[0]), Math.min(y, corner[1]), Math.abs(x - corner[0]), Math.abs(y - corner[1])];
  if (part[2] > 3 && part[3] > 3) { setCrop(part); $("crop").open = true; }
});
$("stage").addEventListener("pointerup", () => { if (corner && state.crop) search(); corner = null; });
$("stage").addEventListener("dragstart", (event) => event.preventDefault());
$("crop").addEventListener("change", () => {
  const part = ["x", "y", "w", "h"].map((name) => Number($(`crop-${name}`).value));
  if (part[2] > 0 && part[3] > 0) { setCrop(part); later(); }
});
$("crop").addEventListener("invalid", () => { $("crop").open = true; }, true); // a hidden field cannot tell what is wrong
$("crop-off").addEventListener("click", () => { setCrop(null); later(); });
$("clear").addEventListener("click", clearPicture);
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // else the same file could not be chosen again
  if (file) takeFile(file);
});
const brings = (event) => event.dataTransfer.types.includes("Files"); // words go where they are dropped
for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (event) => {
  if (brings(event)) { event.preventDefault(); $("drop").classList.add("over"); }
});
document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault(); $("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) takeFile(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  const words = event.target.closest?.("#text, #vienna, [type=number], [type=password]") && event.clipboardData.getData("text/plain"); // a spreadsheet gives both
  if (file && !words) { event.preventDefault(); takeFile(file); }
});

/* filters and weights */
function filters() {
  const [from, to] = [$("from").value, $("to").value];
  const years = from || to ? `${from || 0}-${to || 9999}` : "";
  const where = [...document.querySelectorAll("#attributes select")].filter((each) => each.value).map((each) => `${each.name}=${each.value}`);
  return [...state.codes.map((code) => ["vienna", code]), ...(years ? [["years", years]] : []), ...where.map((each) => ["where", each])];
}
async function loadFacets() {
  const turn = turns.facets += 1;
  const found = await (await call(`/facets?${new URLSearchParams(filters())}`)).json();
  if (turn !== turns.facets) return;
  $("left").textContent = `${found.marks.toLocaleString()} marks`;
  $("vienna-list").replaceChildren(...Object.entries(found.vienna).map(([code, facet]) =>
    element("option", { value: code }, `${facet.name} (${facet.count})`)));
  const years = Object.keys(found.years);
  if (years.length) { $("from").placeholder = years[0]; $("to").placeholder = years.at(-1); }
  const gone = [...document.querySelectorAll("#attributes select")].map((each) => [each.name, {}]);
  for (const [name, values] of Object.entries({ ...Object.fromEntries(gone), ...found.attributes })) showAttribute(name, values);
}
function showAttribute(name, values) {
  let select = [...document.querySelectorAll("#attributes select")].find((each) => each.name === name);
  if (!select) {
    const counts = Object.values(values);
    if (counts.reduce((sum, count) => sum + count, 0) < 2 * counts.length) return; // nearly every mark has its own
    select = element("select", { name, onchange: filtered });
    $("attributes").append(element("label", { className: "field" }, name.replaceAll("_", " "), select));
  }
  const before = select.value;
  if (before && !(before in values)) values = { ...values, [before]: 0 }; // what is chosen stays chosen
  const options = Object.entries(values).map(([value, count]) => element("option", { value }, `${value} (${count})`));
  select.replaceChildren(element("option", { value: "" }, "any"), ...options);
  select.value = before;
}
async function filtered() {
  later();
  const turn = turns.facets + 1;
  try {
    await loadFacets();
    if (turn === turns.facets && state.wrongFilter) { $("error").hidden = true; state.wrongFilter = false; }
  } catch (error) {
    if (turn === turns.facets) { complain(error); state.wrongFilter = true; }
  }
}
function showCodes() {
  $("codes").replaceChildren(...state.codes.map((code) => element("li", {}, element("button", {
    type: "button", "aria-label": `Remove ${code}`, onclick: () => { state.codes = state.codes.filter((each) => each !== code); showCodes(); filtered(); $("vienna").focus(); },
  }, `${code} ×`))));
}
$("vienna").addEventListener("change", () => {
  const given = $("vienna").value.trim(), code = /^[0-9.]+$/.test(given) ? given : codeNamed(given);
  $("vienna").setCustomValidity(given && !code ? "Choose a code from the list, or give its number." : "");
  if (!code) { $("vienna").reportValidity(); return; }
  if (!state.codes.includes(code)) state.codes.push(code);
  $("vienna").value = ""; showCodes(); filtered();
});
$("vienna").addEventListener("input", () => $("vienna").setCustomValidity(""));
function codeNamed(word) { // the one code whose name has this word, if it is one
  const named = word ? [...$("vienna-list").options].filter((each) => each.text.toLowerCase().includes(word.toLowerCase())) : [];
  return named.length === 1 ? named[0].value : "";
}
$("from").addEventListener("change", filtered);
$("to").addEventListener("change", filtered);
$("text").addEventListener("change", () => later());
for (const box of ["read", "mirrored"]) $(box).addEventListener("change", () => later());
function showWeights() {
  $("weights").replaceChildren(...Object.entries(CHANNELS).flatMap(([name, meaning]) => {
    const shown = element("output", { id: `shown-${name}` }, state.weights[name].toFixed(2));
    const slider = element("input", { type: "range", id: `weight-${name}`, min: 0, max: Math.max(1, state.weights[name]), step: 0.05, value: state.weights[name],
      oninput: () => { slider.classList.add("moved"); shown.textContent = Number(slider.value).toFixed(2); later(); } });
    return [element("label", { htmlFor: `weight-${name}` }, meaning), slider, shown];
  }));
}
function weighing() { // an aspect has weights of its own
  for (const slider of document.querySelectorAll("#weights input")) slider.disabled = $("aspect").value !== "composite";
}
$("aspect").addEventListener("change", () => { weighing(); later(); });
$("usual").addEventListener("click", () => { $("aspect").value = "composite"; showWeights(); later(); });

/* searching */
let timer = 0, changing = false; // a changed question waits, or is being asked
function later() {
  clearTimeout(timer); timer = 0;
  if (state.file || state.mark || $("text").value.trim()) timer = setTimeout(() => search(), 200);
}
function question() { // what the form asks now; hits keep the question that they answer
  const entries = filters(), text = $("text").value.trim(), name = state.file || state.mark ? state.name : "";
  const asked = { path: "/search/text", entries, mark: state.mark, title: [name, text].filter(Boolean).join(", ") };
  if (text) entries.push(["text", text]);
  if (!state.file && !state.mark) return asked;
  entries.push(state.file ? ["image", state.file, state.name] : ["mark_id", state.mark]);
  for (const box of ["read", "mirrored"]) if ($(box).checked) entries.push([box, "true"]);
  if (state.crop) entries.push(["crop", state.crop.map((value) => `${value.toFixed(2)}%`).join(",")]);
  const aspect = $("aspect").value;
  if (aspect !== "composite") entries.push(["aspect", aspect]);
  else for (const slider of document.querySelectorAll("#weights .moved")) entries.push([slider.id.replace("-", "_"), slider.value]);
  return { ...asked, path: "/search" };
}
function ask(asked, more, signal) {
  const form = new FormData();
  for (const entry of [...asked.entries, ...Object.entries(more)]) form.append(...entry);
  return call(asked.path, { method: "POST", body: form, signal }).then((answer) => answer.json());
}
function told(asked) { // in words, for the report
  const said = asked.entries.filter(([name]) => !["image", "mark_id", "text"].includes(name));
  return said.map(([name, value]) => `${name.replace("_", " ")} ${value}`).join(", ") || "no filter";
}
async function search(further = false) { // whether there was an answer
  clearTimeout(timer); timer = 0;
  const asked = further ? state.asked : question(), offset = further ? state.hits.length : 0;
  if (!asked.title) { complain(new Error("Give a picture or a name.")); return false; }
  state.running?.abort();
  const running = state.running = new AbortController(), top = Math.min(PAGE, state.most - offset);
  $("error").hidden = true; $("status").textContent = "searching …";
  changing = !further; state.wrongFilter = false;
  $("results").classList.toggle("stale", changing);
  try {
    const answer = await ask(asked, { top, offset }, running.signal);
    if (state.record && answer.record.index !== state.record.index) forgetPictures();
    if (further && answer.record.index !== state.record.index) return search(); // two rankings are not one
    state.asked = asked;
    state.hits = further ? [...state.hits, ...answer.hits] : answer.hits;
    state.record = answer.record;
    if (!further) { state.chosen.clear(); state.shown = asked.path === "/search" ? snapshot() : ""; }
    $("status").textContent = `${state.hits.length} marks in ${Math.round(answer.timings_ms.total)} ms`;
    showHits(answer.hits.length === top && state.hits.length < state.most, answer.note, offset);
    return true;
  } catch (error) {
    if (!further && error.name !== "AbortError") $("more").hidden = true; // what stands below answers another question
    complain(error);
    return false;
  } finally { if (running === state.running) changing = false; }
}
$("form").addEventListener("submit", async (event) => { event.preventDefault(); if (await search()) $("results").focus(); });
$("more").addEventListener("click", () => search(!(timer || changing)));

/* results */
function loaded(id, kind) {
  const path = `/marks/${id.split("/").map(encodeURIComponent).join("/")}/${kind}`;
  if (!pictures.has(path)) {
    const found = call(path).then((answer) => answer.blob()).then((blob) => ({ blob, address: URL.createObjectURL(blob) }));
    found.catch(() => pictures.delete(path));
    pictures.set(path, found);
  }
  return pictures.get(path);
}
function forgetPictures() { // those of another index may be others
  for (const found of pictures.values()) found.then(({ address }) => URL.revokeObjectURL(address)).catch(() => {});
  pictures.clear();
}
async function picture(id, kind) { return (await loaded(id, kind)).address; }
function title(hit) { return hit.text || hit.read_text?.text || hit.id; }
function showHits(more, note, known) {
  $("results").hidden = false; $("results").classList.remove("stale");
  $("results-title").textContent = state.hits.length ? `${state.hits.length} marks nearest to ${state.asked.title}` : `No mark was found: ${note || "there are no more"}`;
  const leaving = !more && document.activeElement === $("more");
  $("hits").replaceChildren(...state.hits.map(card));
  $("more").hidden = !more;
  if (leaving) ($("hits").children[known] ?? $("hits").lastChild)?.querySelector("input")?.focus();
  tellChosen();
}
function card(hit) {
  const tile = element("div", { className: "tile" });
  picture(hit.id, "thumbnail").then((src) => tile.append(element("img", { src, alt: `Mark ${title(hit)}` }))).catch(() => tile.append("no picture"));
  const box = element("input", { type: "checkbox", checked: state.chosen.has(hit.id), onchange: () => {
    if (box.checked) state.chosen.set(hit.id, hit); else state.chosen.delete(hit.id);
    made.classList.toggle("chosen", box.checked); tellChosen();
  } });
  const made = element("li", { className: "card" }, tile,
    element("div", { className: "head" }, element("span", { className: "rank" }, String(hit.rank)), element("h3", { title: title(hit) }, title(hit)),
      element("span", { className: "score" }, hit.score.toFixed(2))),
    element("p", { className: "origin" }, [hit.year, hit.id, hit.vienna_codes.join(" ")].filter(Boolean).join(" · ")),
    bars(hit.scores),
    element("div", { className: "acts" }, element("label", {}, box, "select", element("span", { className: "unseen" }, ` ${hit.rank}, ${title(hit)}`)),
      element("button", { type: "button", className: "why", onclick: () => showReasons(hit), "aria-label": `Why? ${title(hit)}` }, "Why?"),
      element("button", { type: "button", onclick: () => takeMark(hit).catch(complain), "aria-label": `Search this: ${title(hit)}` }, "Search this")));
  made.classList.toggle("chosen", box.checked);
  return made;
}
function bars(scores) {
  const list = element("dl", { className: "channels" });
  for (const [name, score] of Object.entries(scores)) {
    if (score === null) continue;
    const bar = element("i"); bar.style.width = `${100 * score}%`;
    list.append(element("dt", {}, CHANNELS[name]), element("dd", {}, element("span", { className: "bar", "aria-hidden": "true" }, bar), score.toFixed(2)));
  }
  return list;
}
function tellChosen() { $("chosen").textContent = state.chosen.size ? `${state.chosen.size} selected` : "none selected: a report holds all"; }

/* reasons: the same question again, for this hit alone */
async function showReasons(hit) {
  const turn = turns.reasons += 1, { asked } = state;
  $("reasons-title").textContent = `Why ${title(hit)}`;
  $("reasons-body").replaceChildren("looking …");
  $("reasons").showModal();
  let shown;
  try {
    const views = asked.path === "/search" ? { show_views: "true" } : {};
    const answer = await ask(asked, { explain: "true", top: 1, offset: hit.rank - 1, ...views });
    if (answer.hits[0]?.id !== hit.id) throw new Error("The index has changed since: search again.");
    shown = [bars(answer.hits[0].scores), ...await reasonParts(answer, answer.hits[0], asked.mark)];
  } catch (error) { shown = [error.message]; }
  if (turn === turns.reasons) $("reasons-body").replaceChildren(...shown);
}
async function reasonParts(answer, hit, asked) {
  const { reason } = hit, parts = [];
  if (reason.patches) {
    const [ours, theirs] = reason.views;
    try {
      const query = answer.query.view_rows?.[reason.row] ?? await picture(asked, `views/${ours}`);
      const mark = await picture(hit.id, `views/${theirs}`);
      parts.push(element("div", { className: "pair" },
        element("figure", {}, overlay(query, reason.patches, "query"), element("figcaption", {}, `what you gave, ${ours} view`)),
        element("figure", {}, overlay(mark, reason.patches, "mark"), element("figcaption", {}, `${title(hit)}, ${theirs} view`))),
        element("p", { className: "soft" }, "The same colour marks the same part; the stronger, the more it adds."));
    } catch (error) { parts.push(element("p", { className: "soft" }, error.message)); } // scores and sounds say something too
  }
  const steps = reason.words?.alignment?.steps;
  if (steps) {
    const row = (side, name) => element("tr", {}, element("th", { scope: "row" }, name), ...steps.map((step) => element("td", {}, step[side] || "–")));
    parts.push(element("table", { className: "sounds" }, element("caption", {}, `sounds, ${reason.words.language ?? ""}`), row("query", "given"), row("mark", "mark")));
  }
  return parts.length ? parts : [element("p", {}, "Only the pictures as a whole were compared.")];
}
function overlay(address, patches, side) {
  const space = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes) => {
    const made = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const svg = draw("svg", { viewBox: "0 0 7 7", class: "overlay", role: "img", "aria-label": `${patches.length} matching parts` });
  svg.append(draw("image", { href: address, width: 7, height: 7 }));
  const strongest = Math.max(1e-9, ...patches.map((patch) => patch.share));
  for (const patch of patches) {
    const hue = (Math.floor(Math.floor(patch.query / 7) * 360 / 7) + patch.query % 7 * 24) % 360;
    svg.append(draw("rect", { x: patch[side] % 7, y: Math.floor(patch[side] / 7), width: 1, height: 1,
      fill: `hsl(${hue} 85% 45%)`, "fill-opacity": (0.25 + 0.45 * patch.share / strongest).toFixed(2) }));
  }
  return svg;
}
$("reasons-close").addEventListener("click", () => $("reasons").close());

/* reports */
function reported() { return state.chosen.size ? state.hits.filter((hit) => state.chosen.has(hit.id)) : state.hits; }
function save(name, kind, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: name });
  document.body.append(link); link.click(); link.remove();
}
function cell(value) {
  let text = value === null || value === undefined ? "" : String(value);
  text = text.replace(/(^|[;\t\r\n])(?=["\t\r]*[=+\-@])|^(?=[\t\r])/g, "$1'");
  return `"${text.replaceAll('"', '""')}"`;
}
$("report-csv").addEventListener("click", () => {
  const rows = reported().map((hit) => [hit.rank, hit.id, hit.file, hit.text, hit.year, hit.vienna_codes.join(" "), hit.score.toFixed(4),
    ...Object.keys(CHANNELS).map((name) => hit.scores[name]?.toFixed(4))]);
  const head = ["rank", "id", "file", "text", "year", "vienna_codes", "score", ...Object.keys(CHANNELS)];
  // without the mark at its beginning Excel takes UTF-8 for something else
  save("marklens.csv", "text/csv", "\ufeff" + [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n");
});
const escaped = (text) => String(text ?? "").replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
async function embedded(id) {
  try {
    const { blob } = await loaded(id, "thumbnail");
    return await new Promise((done) => { const reader = new FileReader(); reader.onload = () => done(reader.result); reader.readAsDataURL(blob); });
  } catch { return ""; }
}
function snapshot() { // the picture as the page shows it; a format that the browser cannot draw gives none
  const shown = $("preview"), scale = Math.min(1, 320 / Math.max(shown.naturalWidth, shown.naturalHeight, 1));
  const canvas = element("canvas", { width: Math.round(scale * shown.naturalWidth), height: Math.round(scale * shown.naturalHeight) });
  try { canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height); return canvas.toDataURL("image/webp"); } catch { return ""; }
}
$("report-html").addEventListener("click", async () => {
  const { asked, record, shown } = state; // pictures take their time, and the next search does not wait
  const rows = await Promise.all(reported().map(async (hit) => `<tr><td>${hit.rank}</td><td><img alt="" src="${await embedded(hit.id)}"></td>
<td><b>${escaped(title(hit))}</b><br>${escaped(hit.id)}<br>${escaped([hit.year, hit.vienna_codes.join(" ")].filter(Boolean).join(" · "))}</td><td>${hit.score.toFixed(2)}</td>
${Object.keys(CHANNELS).map((name) => `<td>${hit.scores[name]?.toFixed(2) ?? "–"}</td>`).join("")}</tr>`));
  save("marklens.html", "text/html", `<!doctype html><html lang="en"><meta charset="utf-8"><title>Report · Marklens</title>
<meta name="marklens-record" content="${escaped(JSON.stringify(record))}">
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:24px auto;padding:0 16px}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ddd;padding:6px 8px;text-align:left}img{max-width:110px;max-height:80px}</style>
<h1>Marks like ${escaped(asked.title)}</h1>${shown && `<p><img alt="What was searched for" src="${shown}"></p>`}<p>${new Date().toLocaleString()} · ${escaped(told(asked))}</p>
<table><tr><th>rank<th>mark<th><th>score${Object.keys(CHANNELS).map((name) => `<th>${name}`).join("")}</tr>${rows.join("\n")}</table>
<p>Scores measure likeness of pictures and words. This is a search aid, not legal advice.</p></html>`);
});

async function start() {
  try {
    const version = await (await call("/version")).json();
    state.weights = version.weights; state.most = version.top;
    $("error").hidden = true;
    $("about").textContent = `${version.marks.toLocaleString()} marks · Marklens ${version.marklens}`;
    if (!$("weights").children.length) showWeights(); // a key given again changes no slider
    weighing(); await loadFacets();
  } catch (error) { complain(error); }
}
start();
