"""The words of pairing codes: short and common, so that people read, say and type them without mistakes."""

from __future__ import annotations

WORDS = tuple(
    """
acorn actor agent album alley amber anchor angel apple apron arch arrow artist attic autumn avenue bacon badge
bagel baker balloon bamboo banana barrel basket bath beach beetle bell bench berry bicycle biscuit blanket
blossom board bonfire book border bottle boulder bowl bracelet bread brick brother brush bubble bucket buffalo
bulb butter cabin cactus cake camel candle captain carpet castle cattle cedar celery chair cheese chicken circle
citrus cloud coach cobra cocoa coffee coin collar comet cookie copper coral cotton cousin cover cream cricket
crown crystal cube cucumber cup curtain cushion dairy dancer dawn deer desert diamond dinner doctor dolphin
donkey door dragon dream drum duck dune eagle earth echo elephant emerald engine envelope falcon family farmer
feather fence fern fiddle field finger fire fish flag flower flute fog forest fountain fox frame friend frog
fruit galaxy garden gate ginger giraffe glacier glove goat gold goose grape green guitar hammer harbour hat
hazel hedge helmet herb hill honey hook horse hotel iceberg igloo insect iron island ivory jacket jaguar jam jar
jelly jewel jigsaw jockey joke journey judge juice jungle kangaroo kayak kettle key king kitchen kiwi knife
koala ladder lagoon lake lamp lantern laser lawn leaf lemon leopard letter library lily lion lizard lobster
locker lumber lunch magnet mailbox mammoth mango maple marble meadow medal melon metal midnight milk mirror
mitten model monkey moon mosaic moth mountain movie muffin mug museum napkin needle nest net night noodle north
notebook novel nut oasis ocean octopus office olive onion opera orange orbit organ ostrich otter oven oyster
paddle painter panda paper parrot pasta pearl pebble pelican pencil pepper petal phone piano picnic pigeon
pillow pine pirate planet plum pocket polar pond popcorn poster potato prairie puddle pumpkin puppet purple
puzzle pyramid quail queen rabbit raccoon radio railway raven ribbon rice ring river robin rocket roof rose
rubber ruler runner saddle sailor salad sandal sauce scarf school seal seed shadow shell shirt shoe silver
singer sister skate slipper snail snow soap sock sofa soldier soup spider spoon spring square star stone straw
sugar summer sun swan sweater syrup table tape target taxi teacher temple tennis thumb ticket tiger timber toast
tomato tooth tower toy tractor treasure triangle trumpet tulip tunnel turtle twig umbrella unicorn valley
vanilla vase velvet village vine violin wagon walnut water wave whale wheat willow window wizard wolf wonder
wool worker yacht yellow yogurt zebra zipper zone
""".split()
)
"""398 words: a code has one of 158,404 pairs."""
