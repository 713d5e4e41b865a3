names = ['a', 'b', 'c', 'p', 'q', 'r', 'd', 'e', 's', 'visitor']
N = {name: Node(name) for name in names}
M = {name: node.mac for name, node in N.items()}
L = {name: node.link_local for name, node in N.items()}
FOUR = dict(a='10.9.0.10', b='10.9.0.11', c='10.9.0.12', p='10.8.0.10', q='10.8.0.11', r='10.8.0.12', d='10.7.0.10', e='10.7.0.11', s='10.6.0.10', visitor='203.0.113.9')
SIX = dict(a='fd09::10', b='fd09::11', c='fd09::12', p='fd08::10', q='fd08::11', r='fd08::12', d='fd07::10', e='fd07::11', s='fd06::10', visitor='2001:db8::9')


BRIDGE = {name: mac_of(link) for name, link in [(n, 'br-apps') for n in 'abc'] + [(n, 'br-plain') for n in 'pqr'] + [(n, 'br-closed') for n in 'de']}
BRIDGE['s'] = mac_of('s-0')


def sender(name):
    gateway = FOUR[name].rsplit('.', 1)[0] + '.1'
    return Sender(N[name], FOUR[name], gateway, BRIDGE[name])
