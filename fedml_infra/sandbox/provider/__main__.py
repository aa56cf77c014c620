"""An emulated `aws` Pulumi provider: real gRPC, real boto3, only ever against a loopback endpoint.

  python aws_provider.py            print a free port, serve until the parent is gone (plugin mode)
  python aws_provider.py --port N   the same on port N, serve until killed (for PULUMI_DEBUG_PROVIDERS=aws:N)
"""
import argparse, collections, datetime, functools, hashlib, ipaddress, json, os, signal, sys, threading, time, traceback, urllib.parse, urllib.request
from concurrent.futures import ThreadPoolExecutor

import botocore.config, botocore.exceptions, botocore.session
import google.protobuf.any_pb2 as any_pb2
import google.protobuf.empty_pb2 as empty_pb2
import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as pb, provider_pb2_grpc as pbg, status_pb2

from fedml_infra.sandbox.provider.kinds import INVOKES, KINDS, error_code, gone
from fedml_infra.sandbox.provider.sdk_shape import shape
from fedml_infra.sandbox.provider.wire import UNKNOWN, dump, load, unknown

VERSION = "7.51.1"
SESSION, CLIENTS, LOCKS, GUARD = botocore.session.Session(), {}, collections.defaultdict(threading.Lock), threading.Lock()
TRANSIENT = ("RequestLimitExceeded", "Throttling", "InternalError", "InternalFailure", "500", "ConcurrentAccess")


# ------------------------------------------------------------------ comparing by meaning
def canonical_json(x):
    if isinstance(x, dict): return {k: canonical_json(v) for k, v in x.items()}
    if isinstance(x, list):
        x = [canonical_json(v) for v in x]
        return x[0] if len(x) == 1 else sorted(x, key=lambda v: json.dumps(v, sort_keys=True))
    return str(x).lower() if isinstance(x, bool) else str(x)

def prune(x):
    if isinstance(x, dict): return {k: p for k, v in x.items() if (p := prune(v)) not in (None, "", {}, [], "False", "0")}
    if isinstance(x, list): return [prune(v) for v in x]
    return str(x)

def same(kind, prop, a, b):
    if unknown(a) or unknown(b): return False
    if a == b: return True
    if prop in kind.json and isinstance(a, str) and isinstance(b, str):
        try: return canonical_json(json.loads(a or "{}")) == canonical_json(json.loads(b or "{}"))
        except ValueError: return False
    pa, pb_ = prune(a), prune(b)
    if prop in kind.sets: pa, pb_ = (sorted(x, key=lambda v: json.dumps(v, sort_keys=True)) for x in (pa, pb_))
    return pa == pb_

def is_default(kind, prop, v):
    d = kind.defaults.get(prop, kind.local.get(prop))
    return v in d if isinstance(d, tuple) else d is not None and v == d


# ------------------------------------------------------------------ one provider instance
class Provider:
    def __init__(self, args):
        self.args = {k: json.loads(v) if isinstance(v, str) and v[:1] in '[{' else v for k, v in args.items()}
        self.region = self.args.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self.default_tags = (self.args.get("defaultTags") or {}).get("tags", {})
        self.roles = self.args.get("assumeRoles") or []
        self.creds, self.until, self.guard = None, None, threading.Lock()

    def endpoint(self, service):
        for e in self.args.get("endpoints") or []:
            if e.get(service): return e[service]
        return os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")

    def base(self):
        a = self.args
        if a.get("accessKey"): return a["accessKey"], a.get("secretKey"), a.get("token")
        c = botocore.session.Session(profile=a.get("profile")).get_credentials()
        if c is None: raise RuntimeError("no AWS credentials: give the provider accessKey and secretKey, or a profile")
        c = c.get_frozen_credentials()
        return c.access_key, c.secret_key, c.token

    def credentials(self):
        with self.guard:
            now = datetime.datetime.now(datetime.timezone.utc)
            if self.creds is None or (self.until and (self.until - now).total_seconds() < 300):
                self.creds, self.until = self.base(), None
                for r in self.roles:
                    kw = {"RoleArn": r["roleArn"], "RoleSessionName": r.get("sessionName") or "pulumi"}
                    kw |= {k: r[j] for j, k in (("externalId", "ExternalId"), ("policy", "Policy")) if r.get(j)}
                    c = client("sts", self.endpoint("sts"), self.args.get("stsRegion") or self.region, self.creds).assume_role(**kw)["Credentials"]
                    self.creds, self.until = (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]), c["Expiration"]
            return self.creds


def loopback(url):
    host = urllib.parse.urlsplit(url).hostname or ""
    try: return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError: return False

def client(service, endpoint, region, creds):
    if not endpoint or not loopback(endpoint):
        raise RuntimeError(f"the emulated aws provider talks to a local AWS only; the endpoint of {service} is {endpoint or 'not set'}")
    key = service, endpoint, region, creds
    if (c := CLIENTS.get(key)) is None:
        with GUARD:
            if (c := CLIENTS.get(key)) is None:
                cfg = botocore.config.Config(retries={"max_attempts": 4, "mode": "standard"}, s3={"addressing_style": "path"}, proxies={},
                                             max_pool_connections=64, connect_timeout=5, read_timeout=30)
                c = SESSION.create_client(service, region_name=region, endpoint_url=endpoint, aws_access_key_id=creds[0], aws_secret_access_key=creds[1],
                                          aws_session_token=creds[2], config=cfg)
                # MiniStack takes aws:SecureTransport from this header; the loopback stands for TLS (a TLS-only policy locks us out otherwise)
                c.meta.events.register("before-sign.*", lambda request, **kw: request.headers.__setitem__("X-Forwarded-Proto", "https"))
                CLIENTS[key] = c
    return c

@functools.cache
def is_moto(endpoint):
    try: return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(endpoint + "/moto-api/data.json", timeout=3).status == 200
    except Exception: return False


class Ctx:
    """What a kind sees: clients of one account in one region, and the helpers."""
    def __init__(self, provider, props):
        self.provider, self.region = provider, props.get("region") or provider.region
    def client(self, service): return client(service, self.provider.endpoint(service), self.region, self.provider.credentials())
    def all_tags(self, props): return {**self.provider.default_tags, **(props.get("tags") or {})}
    def lock(self, name): return LOCKS[name]
    @property
    def is_moto(self): return is_moto(self.provider.endpoint("sqs") or "")
    def retry(self, call, tries=6):
        for n in range(tries):
            try: return call()
            except botocore.exceptions.ClientError as e:
                if n == tries - 1 or error_code(e) not in TRANSIENT: raise
                time.sleep(0.05 * 2 ** n)


# ------------------------------------------------------------------ state and inputs
def outputs(kind, ctx, asked, state):
    """AWS's answer over what was asked for; a value that means the same keeps the form it was asked in."""
    out = {**kind.local, **{k: v for k, v in asked.items() if not k.startswith("__")}}
    for p, v in state.items():
        if not (p in asked and same(kind, p, asked[p], v)): out[p] = v
    if "tagsAll" in state: out["tags"] = own_tags(ctx, asked, state)
    if "region" in shape(kind.token)[0]: out["region"] = ctx.region
    return out

def own_tags(ctx, asked, state):
    d, mine = ctx.provider.default_tags, asked.get("tags") or {}
    return {k: v for k, v in state["tagsAll"].items() if k in mine or d.get(k) != v}

def read_inputs(kind, ctx, old, state):
    """All that was asked for, as it is now, plus whatever differs from the defaults: drift and import."""
    state = dict(state)
    if "tagsAll" in state: state["tags"] = own_tags(ctx, old, state)
    new = {k: v for k, v in old.items() if k.startswith("__")}
    for p in shape(kind.token)[0]:
        if p in old:
            if p in kind.local or p in ("region", "namePrefix", "bucketPrefix") or (p not in state and (p in kind.computed or is_default(kind, p, old[p]))): new[p] = old[p]
            elif p in state: new[p] = old[p] if same(kind, p, old[p], state[p]) else state[p]
        elif p in state and p not in kind.computed and state[p] not in ({}, [], None) and not is_default(kind, p, state[p]): new[p] = state[p]
    return new

def secret_names(props, names, out):
    leaves = set()
    def walk(x):
        if isinstance(x, dict): [walk(v) for v in x.values()]
        elif isinstance(x, list): [walk(v) for v in x]
        elif isinstance(x, str) and len(x) > 3: leaves.add(x)
    for n in names: walk(props.get(n))
    return {p for p, v in out.items() if p in names or (p == "tagsAll" and "tags" in names) or any(l in json.dumps(v, ensure_ascii=False, default=str) for l in leaves)}

def autoname(kind, inputs, old, request):
    p, prefix = kind.name, inputs.get("namePrefix" if kind.name == "name" else "bucketPrefix")
    if p in inputs: return
    if old.get(p) and p in old.get("__defaults", []): inputs[p] = old[p]
    elif request.HasField("autonaming") and request.autonaming.proposed_name: inputs[p] = request.autonaming.proposed_name
    else:
        tail = hashlib.sha256(request.randomSeed or os.urandom(16)).hexdigest()[:7]
        base = prefix if prefix else (request.name or request.urn.split("::")[-1]) + "-"
        base = base.lower() if p == "bucket" else base
        inputs[p] = base[:kind.name_max - 12] + tail + (".fifo" if inputs.get("fifoQueue") or inputs.get("fifoTopic") else "")
    inputs["__defaults"] = [p]


# ------------------------------------------------------------------ gRPC
class Busy:
    """How many calls are under way: SIGINT ends the process only when none is."""
    def __init__(self): self.n, self.guard = 0, threading.Lock()
    def __enter__(self):
        with self.guard: self.n += 1
    def __exit__(self, *_):
        with self.guard: self.n -= 1

BUSY = Busy()

def rpc(fn):
    """Errors as FAILED_PRECONDITION with AWS's own code and message."""
    @functools.wraps(fn)
    def call(self, request, context):
        with BUSY:
            try: return fn(self, request, context)
            except InitFailed as e: return init_failed(context, e.detail)
            except botocore.exceptions.ClientError as e: msg = f"{e.operation_name}: {error_code(e)}: {e.response['Error'].get('Message', '')}"
            except (botocore.exceptions.BotoCoreError, RuntimeError) as e: msg = str(e)
            except Exception as e: msg = f"{type(e).__name__}: {e}"; traceback.print_exc(file=sys.stderr)
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, msg)
    return call

def init_failed(context, detail):
    any = any_pb2.Any(); any.Pack(detail)
    st = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=detail.reasons[0], details=[any])
    context.set_trailing_metadata((("grpc-status-details-bin", st.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, detail.reasons[0])


class InitFailed(Exception):
    def __init__(self, detail): self.detail = detail


class Servicer(pbg.ResourceProviderServicer):
    def __init__(self): self.providers = {}
    def ctx(self, context, props={}): return Ctx(self.providers[context.peer()], props)
    def kind(self, urn):
        token = urn.split("::")[2].split("$")[-1]
        if token not in KINDS: raise RuntimeError(f"the emulated aws provider does not have {token}")
        return KINDS[token]

    def Handshake(self, r, c): return pb.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True)
    def Attach(self, r, c): return empty_pb2.Empty()
    def GetPluginInfo(self, r, c): return plugin_pb2.PluginInfo(version=VERSION)
    def GetSchema(self, r, c): return pb.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": VERSION}))
    def Cancel(self, r, c): self.providers.pop(c.peer(), None); return empty_pb2.Empty()

    @rpc
    def CheckConfig(self, r, c):
        news, secret = load(r.news)
        known = shape("aws::Provider")[0] | {"version", "pluginDownloadURL"}
        bad = [pb.CheckFailure(property=k, reason=f"the aws provider has no setting {k}") for k in news if k not in known and not k.startswith("__")]
        if not unknown(news):
            for e in Provider(news).args.get("endpoints") or []:
                bad += [pb.CheckFailure(property="endpoints", reason=f"{s}: {u} is not on this machine") for s, u in e.items() if u and not loopback(u)]
        return pb.CheckResponse(inputs=dump(news, secret), failures=bad)

    @rpc
    def DiffConfig(self, r, c):
        olds, news = load(r.old_inputs or r.olds)[0], load(r.news)[0]
        diff = sorted(k for k in olds.keys() | news.keys() if olds.get(k) != news.get(k) and k != "version")
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_SOME if diff else pb.DiffResponse.DIFF_NONE, diffs=diff, replaces=[k for k in diff if k == "region"])

    @rpc
    def Configure(self, r, c):
        self.providers[c.peer()] = Provider({k: v for k, v in load(r.args)[0].items() if v is not UNKNOWN})
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False, supports_autonaming_configuration=True)

    @rpc
    def Invoke(self, r, c):
        if r.tok not in INVOKES: raise RuntimeError(f"the emulated aws provider does not have {r.tok}")
        args = load(r.args)[0]
        return pb.InvokeResponse(**{"return": dump(INVOKES[r.tok](self.ctx(c, args), args))})

    @rpc
    def Check(self, r, c):
        kind, (news, secret), (olds, _) = self.kind(r.urn), load(r.news), load(r.olds)
        inputs, required, _ = shape(kind.token)
        news.pop("__defaults", None)
        bad = [pb.CheckFailure(property=k, reason=f"{kind.token} has no property {k}") for k in news if k not in inputs]
        bad += [pb.CheckFailure(property=k, reason=f"{kind.token} needs {k}") for k in required if k not in news]
        for p in kind.json:
            if isinstance(news.get(p), str) and news[p] != "":
                try: json.loads(news[p])
                except ValueError as e: bad.append(pb.CheckFailure(property=p, reason=f"is not JSON: {e}"))
        if kind.name: autoname(kind, news, olds, r)
        return pb.CheckResponse(inputs=dump(news, secret), failures=bad)

    @rpc
    def Diff(self, r, c):
        kind, (olds, _), (state, _), (news, _) = self.kind(r.urn), load(r.old_inputs), load(r.olds), load(r.news)
        ctx, P, detail = self.ctx(c, news), pb.PropertyDiff, {}
        for p in sorted((olds.keys() | news.keys()) - set(r.ignoreChanges)):
            if p.startswith("__"): continue
            had, has = p in olds, p in news
            if had and has and same(kind, p, olds[p], news[p]): continue
            if had != has and is_default(kind, p, olds.get(p, news.get(p))): continue
            if had != has and p == "region" and (olds.get(p) or news.get(p)) == state.get("region"): continue
            replace = p in kind.force_new or p == "region"
            detail[p] = P(kind=(P.ADD_REPLACE if replace else P.ADD) if not had else (P.DELETE_REPLACE if replace else P.DELETE) if not has
                          else P.UPDATE_REPLACE if replace else P.UPDATE, inputDiff=True)
        if "tagsAll" in state and "tags" not in detail and not unknown(news.get("tags")) and state["tagsAll"] != ctx.all_tags(news) and "tags" not in r.ignoreChanges:
            detail["tagsAll"] = P(kind=P.UPDATE)
        replaces = [p for p, d in detail.items() if d.kind in (P.ADD_REPLACE, P.DELETE_REPLACE, P.UPDATE_REPLACE)]
        named = kind.name and kind.name not in olds.get("__defaults", []) and olds.get(kind.name) == news.get(kind.name)
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_SOME if detail else pb.DiffResponse.DIFF_NONE, replaces=replaces, diffs=list(detail),
                               detailedDiff=detail, hasDetailedDiff=True, deleteBeforeReplace=bool(replaces and (named or not kind.name)))

    def preview(self, kind, news, secret, old=None):
        out = {p: UNKNOWN for p in shape(kind.token)[2] if p not in kind.defaults and p not in kind.local and p not in ("tags", "policy", "namePrefix")} if old is None else dict(old)
        out |= {k: v for k, v in news.items() if not k.startswith("__")}
        return dump(out, secret | ({"tagsAll"} if "tags" in secret else set()))

    def finish(self, kind, ctx, id, news, secret, last):
        state = kind.read(ctx, id, last)
        if state is None: raise RuntimeError(f"{kind.token} {id} is not there after it was written")
        out = outputs(kind, ctx, news, state)
        return dump(out, secret_names(news, secret, out))

    @rpc
    def Create(self, r, c):
        kind, (news, secret) = self.kind(r.urn), load(r.properties)
        if r.preview: return pb.CreateResponse(properties=self.preview(kind, news, secret))
        ctx = self.ctx(c, news)
        id = kind.create(ctx, news)
        try:
            if kind.after: kind.after(ctx, id, news)
            return pb.CreateResponse(id=id, properties=self.finish(kind, ctx, id, news, secret, news))
        except Exception as e: raise self.partial(id, news, secret, e)

    def partial(self, id, news, secret, e):
        props = dump({k: v for k, v in news.items() if not k.startswith("__")}, secret)
        return InitFailed(pb.ErrorResourceInitFailed(id=id, properties=props, inputs=dump(news, secret), reasons=[f"{id} was made, but not all of it: {e}"]))

    @rpc
    def Read(self, r, c):
        kind, (state, s1), (old, s2) = self.kind(r.urn), load(r.properties), load(r.inputs)
        ctx = self.ctx(c, {"region": old.get("region") or state.get("region")})
        now = kind.read(ctx, r.id, state)
        if now is None: return pb.ReadResponse()
        new = read_inputs(kind, ctx, old, now)
        asked = new if old else {**kind.local, **new}
        out, secret = outputs(kind, ctx, asked, now), s1 | s2
        both = {**state, **old}
        return pb.ReadResponse(id=r.id, properties=dump(out, secret_names(both, secret, out)), inputs=dump(new, secret_names(both, secret, new)))

    @rpc
    def Update(self, r, c):
        kind, (olds, _), (state, _), (news, secret) = self.kind(r.urn), load(r.old_inputs), load(r.olds), load(r.news)
        if r.preview: return pb.UpdateResponse(properties=self.preview(kind, news, secret, state))
        ctx = self.ctx(c, news)
        changed = {p for p in olds.keys() | news.keys() if not p.startswith("__") and p not in r.ignoreChanges and not same(kind, p, olds.get(p), news.get(p))}
        if "tagsAll" in state and state["tagsAll"] != ctx.all_tags(news): changed.add("tags"); olds = {**olds, "tags": state["tagsAll"]}
        if kind.after and "tagsAll" not in state: kind.after(ctx, r.id, news)       # a half-made one is finished
        if kind.update and changed - set(kind.local) - {"region"}: kind.update(ctx, r.id, olds, news, changed)
        try: return pb.UpdateResponse(properties=self.finish(kind, ctx, r.id, news, secret, {**state, **news}))
        except Exception as e: raise self.partial(r.id, news, secret, e)

    @rpc
    def Delete(self, r, c):
        kind, (state, _) = self.kind(r.urn), load(r.properties)
        try: kind.delete(self.ctx(c, state), r.id, state)
        except botocore.exceptions.ClientError as e:
            if not gone(e, "NoSuchBucketPolicy"): raise
        return empty_pb2.Empty()


def main():
    a = argparse.ArgumentParser(); a.add_argument("--port", type=int); a, _ = a.parse_known_args()
    size = [(f"grpc.max_{w}_message_length", 400 << 20) for w in ("receive", "send")] + [("grpc.so_reuseport", 0)]
    server, parent = grpc.server(ThreadPoolExecutor(64), options=size), os.getppid()
    pbg.add_ResourceProviderServicer_to_server(Servicer(), server)
    port = server.add_insecure_port(f"127.0.0.1:{a.port or 0}")
    server.start()
    print(port, flush=True)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: stop.append(1))          # the engine closes a plugin so, and kills it 5 s later
    while (a.port or os.getppid() == parent) and not (stop and BUSY.n == 0): time.sleep(0.05)
    os._exit(0)


if __name__ == "__main__": main()
