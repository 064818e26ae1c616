// Marking the written question: one answer at a time beside the rubric. What is saved is on the server; this page only shows it.
"use strict";

const $ = (id) => document.getElementById(id);
const unit = $("marking").dataset.unit;
const address = location.pathname.replace(/\/$/, "");
const headers = { "Content-Type": "application/json", "X-XSRFToken": document.querySelector('meta[name="xsrf"]').content };
const STEPS = [0, 1, 0.5]; // the order in which a key goes through them
const CLAIMS = { 0: "0", 0.5: "½", 1: "1" };

let all = null; // what the server said
let shown = null; // the key of the answer on the page
let points = [];
let changed = false;
let busy = false;

async function ask(path, method = "GET", body) {
  const answer = await fetch(address + path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
  if (!answer.ok) throw new Error((await answer.text()) || `the server says ${answer.status}`);
  return answer.json();
}

const say = (text, trouble = false) => {
  $("state").textContent = text;
  $("state").classList.toggle("trouble", trouble);
};

const current = () => all.answers.find((answer) => answer.key === shown);
const total = () => points.reduce((sum, p) => sum + p, 0);

async function load() {
  all = await ask("/answers");
  $("statement").innerHTML = all.statement; // made by the server out of Markdown, with nothing in it that runs
  const marked = all.answers.filter((answer) => answer.markers).length;
  say(all.answers.length
    ? `${marked} of ${all.answers.length} answers are marked. You mark as ${all.marker}.`
    : `No answer waits for a mark. Run byhand grade ${unit} first, where something has been handed in.`);
  agreement();
}

async function next(after) {
  if (!all.answers.length) return;
  const { key } = await ask("/next", "POST", { after, everyone: $("everyone").checked });
  if (key) show(key);
  else {
    if (!shown) show(all.answers[0].key);
    say(`${$("state").textContent} There is no other one for you to mark.`);
  }
}

function show(key) {
  shown = key;
  changed = false;
  const answer = current();
  const mine = answer.mine;
  points = mine ? [...mine.points] : all.lines.map(() => 0);
  $("marking").hidden = false;
  $("which").textContent = `Answer ${all.answers.indexOf(answer) + 1} of ${all.answers.length}` + (mine ? ", marked by you" : "");
  $("answer").innerHTML = answer.html || "<p><em>There is no text in this answer.</em></p>";
  $("notes").replaceChildren(...answer.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  $("comment").value = mine ? mine.comment : "";
  $("lines").replaceChildren(...all.lines.map(line));
  $("others").hidden = !answer.others.length;
  $("others").replaceChildren(...answer.others.map((other) => Object.assign(document.createElement("p"), {
    textContent: `${other.marker} gave ${other.points.reduce((a, b) => a + b, 0)}: ${other.points.map((p) => CLAIMS[p]).join(", ")}. ${other.comment}`,
  })));
  score();
  $("answer").scrollTop = 0;
  window.scrollTo(0, 0);
  $("which").tabIndex = -1;
  $("which").focus();
}

function line(html, number) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", () => give(number));
  const text = document.createElement("div");
  text.innerHTML = html;
  text.id = `line-${number}`;
  button.setAttribute("aria-describedby", text.id);
  item.append(button, text);
  label(button, number);
  return item;
}

function label(button, number) {
  button.dataset.points = points[number];
  button.textContent = `${number + 1}: ${CLAIMS[points[number]]}`;
  button.setAttribute("aria-label", `Line ${number + 1}: ${points[number]} of 1 point`);
}

function give(number) {
  points[number] = STEPS[(STEPS.indexOf(points[number]) + 1) % STEPS.length];
  changed = true;
  label($("lines").children[number].querySelector("button"), number);
  score();
}

function score() {
  const answer = current();
  const entered = answer.entered;
  const other = entered !== null && !answer.mine && !answer.markers ? ` (the gradebook has ${entered})` : "";
  $("score").textContent = `${total()} of ${all.lines.length} points${changed ? ", not saved yet" : ""}${other}`;
}

async function save() {
  const key = shown;
  await ask(`/answers/${key}`, "PUT", { points, comment: $("comment").value });
  changed = false;
  await load();
  await next(key);
  if (shown === key) show(key);
}

function turn(step) {
  if (changed) return say("This mark is not saved yet: press Enter to save it, or give the points again.", true);
  const keys = all.answers.map((answer) => answer.key);
  show(keys[(keys.indexOf(shown) + step + keys.length) % keys.length]);
}

function agreement() {
  const { pairs, equal, apart, lines, same, kappa, differing } = all.agreement;
  $("agreement").hidden = !pairs;
  if (!pairs) return;
  const number = (x) => x.toFixed(2);
  const sentences = [
    `${pairs} pairs of marks on the same answer: ${equal} with the same score, ${number(apart)} points apart in the mean.`,
    `${lines} pairs of marks on the same line of the rubric: ${same} are equal (${Math.round((100 * same) / lines)} %).`,
    kappa === null
      ? "Both gave every line the same, so agreement beyond chance (kappa) cannot be told."
      : `Cohen's kappa, agreement beyond chance, is ${number(kappa)}; 1 would be all.`,
  ];
  const open = differing.filter((key) => all.answers.find((answer) => answer.key === key)?.mine);
  $("figures").replaceChildren(...sentences.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  if (!open.length) return;
  const list = Object.assign(document.createElement("p"), { textContent: "A point or more apart, to be talked over: " });
  for (const key of open) {
    const button = Object.assign(document.createElement("button"), {
      type: "button", textContent: `answer ${all.answers.findIndex((answer) => answer.key === key) + 1}`,
    });
    button.addEventListener("click", () => show(key));
    list.append(button, " ");
  }
  $("figures").append(list);
}

// One thing at a time: a key that is held must not save twice.
async function alone(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
  }
}

$("marks").addEventListener("submit", (event) => {
  event.preventDefault();
  alone(save);
});
$("before").addEventListener("click", () => turn(-1));
$("after").addEventListener("click", () => turn(1));
$("everyone").addEventListener("change", () => changed || alone(() => next(null)));
$("comment").addEventListener("input", () => { changed = true; score(); });
document.addEventListener("keydown", (event) => {
  if (!all || !shown || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $("comment")) {
    if (event.key === "Escape") $("which").focus();
    return;
  }
  const number = Number(event.key);
  if (number >= 1 && number <= points.length) give(number - 1);
  else if (event.key === "j") turn(1);
  else if (event.key === "k") turn(-1);
  else if (event.key === "c") $("comment").focus();
  else if (event.key === "Enter" && !event.target.closest("button, summary, input")) alone(save);
  else return;
  event.preventDefault();
});
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

alone(async () => {
  await load();
  await next(null);
});
