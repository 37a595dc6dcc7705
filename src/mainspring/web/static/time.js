// Times that tick: one timer walks what is on the page, and rests while nobody looks. Absolute times are told in the reader's zone by the server,
// which learns the browser's zone from a cookie.
const body = document.body
const units = [[31536000, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]]
const words = new Intl.RelativeTimeFormat(body.dataset.lang, {style: "narrow", numeric: "always"})
let skew = 0

export const now = () => Date.now() + skew
export const setSkew = ms => { skew = ms }

export function relative(at) {
  const seconds = (at - now()) / 1000
  const [size, unit] = units.find(([size]) => Math.abs(seconds) >= size) ?? units[4]
  return words.format(Math.trunc(seconds / size), unit)
}

export function lasted(ms) {
  const s = Math.max(0, Math.round(ms / 1000)), two = n => String(n).padStart(2, "0")
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`
  return s < 86400 ? `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} m` : `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`
}

function tick() {
  for (const each of document.querySelectorAll("time[data-rel]")) put(each, relative(Date.parse(each.dateTime)))
  for (const each of document.querySelectorAll("time[data-since]")) put(each, lasted(now() - Date.parse(each.dataset.since)))
}
const put = (element, text) => { if (element.textContent !== text) element.textContent = text }

let timer = 0
const turn = () => {
  clearInterval(timer)
  timer = document.hidden ? 0 : setInterval(tick, 1000)
}
document.addEventListener("visibilitychange", turn)
turn()

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
if (zone && !document.cookie.includes(`mainspring_zone=${zone};`) && !document.cookie.endsWith(`mainspring_zone=${zone}`))
  document.cookie = `mainspring_zone=${zone}; path=${body.dataset.root || "/"}; max-age=34560000; samesite=lax`
