-- The functions of specs/bench.vibee as one writes them in Lua. `lua5.4 bench.lua NAME N` prints the result and the seconds.
local function gcd_of(a, b)
  while b ~= 0 do a, b = b, a % b end
  return a
end

local bench = {}

function bench.gcd(n)
  local s = 0
  for i = 1, n do s = s + gcd_of(i * 7919 % 100003 + 1, i + 1) end
  return s
end

local function steps(x, left)
  while not (x == 1 or left == 0) do
    if x % 2 == 0 then x = x // 2 else x = 3 * x + 1 end
    left = left - 1
  end
  return left
end

function bench.collatz(n)
  local s = 0
  for i = 1, n do s = s + 1000 - steps(i, 1000) end
  return s
end

function bench.xorshift(n)
  local x = 88172645463325252
  for _ = 1, n do
    x = x ~ (x << 13)
    x = x ~ (x >> 7)
    x = x ~ (x << 17)
  end
  return x >> 1
end

local function t_and(a, b) if a < b then return a else return b end end
local function t_or(a, b) if a > b then return a else return b end end
local function t_xor(a, b) return t_and(t_or(a, b), -t_and(a, b)) end

function bench.trits(n)
  local s = 0
  for i = 1, n do
    local a = i % 3 - 1
    local b = i // 3 % 3 - 1
    s = s + t_xor(t_and(a, b), t_or(a, -b))
  end
  return s
end

function bench.polynomial(n)
  local s = 0.0
  for i = 1, n do
    local x = i * 0.001
    s = s + (((2.0 * x - 3.0) * x + 0.5) * x - 1.0)
  end
  return math.floor(s)
end

local function rotated(c)
  if c >= 97 and c <= 122 then return (c - 97 + 13) % 26 + 97 else return c end
end

function bench.caesar(n)
  local text = "the quick brown fox jumps over the lazy dog, and again"
  for _ = 1, n do
    local out = {}
    for i = 1, #text do out[i] = string.char(rotated(text:byte(i))) end
    text = table.concat(out)
  end
  local s = 0
  for i = 1, #text do s = s + text:byte(i) end
  return s
end

function bench.numbers(n)
  local list = {}
  for i = 1, n do list[i] = tostring(i * 7) end
  local text = table.concat(list, ",")
  local s = 0
  for part in text:gmatch("[^,]+") do s = s + math.tointeger(tonumber(part)) end
  return s
end

function bench.sieve(n)
  local list = {}
  for i = 0, n do list[i] = true end
  for i = 2, n do
    if i * i <= n and list[i] then
      for k = i, n // i do list[i * k] = false end
    end
  end
  local c = 0
  for i = 2, n do if list[i] then c = c + 1 end end
  return c
end

function bench.pipeline(n)
  local squares = {}
  for i = 1, n do squares[i] = i * i % 1009 end
  local odd = {}
  for _, x in ipairs(squares) do if x % 2 == 1 then odd[#odd + 1] = x end end
  local s = 0
  for _, x in ipairs(odd) do s = s + x + #odd end
  return s
end

function bench.sorted(n)
  local list = {}
  for i = 1, n do list[i] = i * 7919 % 100003 end
  table.sort(list)
  local s = 0
  for i = 0, n - 1 do s = s + list[i + 1] * (i % 7) end
  return s
end

function bench.count_numbers(n)
  local counts = { [0] = 0 }
  for i = 1, n do
    local k = i * 7919 % 1000
    counts[k] = (counts[k] or 0) + 1
  end
  local s = 0
  for k, c in pairs(counts) do s = s + k * c end
  return s
end

function bench.count_words(n)
  local words = {}
  for w in ("the quick brown fox jumps over the lazy dog and the cat"):gmatch("[^ ]+") do words[#words + 1] = w end
  local counts = { [""] = 0 }
  for i = 1, n do
    local w = words[i * 31 % #words + 1]
    counts[w] = (counts[w] or 0) + 1
  end
  local s = 0
  for w, c in pairs(counts) do s = s + #w * c end
  return s
end

local run, n = bench[arg[1]], math.tointeger(tonumber(arg[2]))
run(n // 10)
local begin = os.clock()
local result = run(n)
print(string.format("%d %.9f", result, os.clock() - begin))
